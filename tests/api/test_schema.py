"""The schema: its examples fit it, it only ever grows, and every verb of the command line has its path."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kvmtui.api.example_bodies import BODIES
from kvmtui.api.examples import ANSWERS
from kvmtui.reference import verbs
from kvmtui.reference.api import openapi
from tests.api.coverage import EXCEPTIONS, NOT_YET, PATHS

ROOT = Path(__file__).parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
STORED = "docs/reference/openapi.json"


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                yield f"{method.upper()} {path}", methods[method]


def fits(value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": openapi()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_every_operation_has_an_example_of_each_answer_that_fits() -> None:
    names = set()
    for name, operation in operations(openapi()):
        names.add(operation["operationId"])
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            fits(body["example"], body["schema"])
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                assert content["example"], f"{name} {status} has no example"
                fits(content["example"], content["schema"])
    assert {key.partition(" ")[0] for key in ANSWERS} == names and set(BODIES) <= names


def test_every_list_is_read_in_pages() -> None:
    found = 0
    for name, operation in operations(openapi()):
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        shape = answer.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
        if "next" not in openapi()["components"]["schemas"].get(shape, {}).get("properties", {}):
            continue
        found += 1
        takes = {each["name"] for each in operation.get("parameters", ())}
        assert {"limit", "after", "q", "sort"} <= takes, name
    assert found > 15


def test_every_error_has_an_example_that_fits() -> None:
    for answer in openapi()["components"]["responses"].values():
        (content,) = answer["content"].values()
        fits(content["example"], content["schema"])
    named = {
        answer["$ref"].rsplit("/", 1)[1]
        for _, operation in operations(openapi())
        for answer in operation["responses"].values()
        if "$ref" in answer
    }
    assert named == set(openapi()["components"]["responses"])


def broken(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What a client of the old schema could stumble over in the new one."""
    now = dict(operations(new))
    found = []
    for name, before in operations(old):
        after = now.get(name)
        if after is None:
            found.append(f"{name} is gone")
            continue
        known = {(each["in"], each["name"]): each for each in before.get("parameters", [])}
        for each in after.get("parameters", []):
            place = (each["in"], each["name"])
            if each.get("required") and not known.get(place, {}).get("required"):
                found.append(f"{name} needs {place}")
        given = {(each["in"], each["name"]) for each in after.get("parameters", [])}
        found += [f"{name} does not take {place}" for place in known if place not in given]
        found += [
            f"{name} does not answer {status}"
            for status in before["responses"]
            if status < "400" and status not in after["responses"]
        ]
    schemas = new["components"]["schemas"]
    for name, before in old["components"]["schemas"].items():
        after = schemas.get(name)
        if after is None:
            found.append(f"{name} is gone")
            continue
        lost = before.get("properties", {}).keys() - after.get("properties", {}).keys()
        found += [f"{name} has no {field}" for field in sorted(lost)]
        found += [
            f"{name}.{field} has another type"
            for field, was in before.get("properties", {}).items()
            if field in after.get("properties", {})
            and was.get("type") != after["properties"][field].get("type")
        ]
        if after.get("additionalProperties") is False:  # what clients send
            more = set(after.get("required", [])) - set(before.get("required", []))
            found += [f"{name} needs {field}" for field in sorted(more)]
    return found


def released() -> dict[str, Any] | None:
    """The schema of the last release; None when there is none, or no git."""
    try:
        tag = _git("describe", "--tags", "--abbrev=0", "--match", "v*")
        return dict(json.loads(_git("show", f"{tag}:{STORED}")))
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_nothing_a_client_relies_on_is_taken_from_the_schema() -> None:
    stored = json.loads((ROOT / STORED).read_text(encoding="utf-8"))
    assert broken(stored, openapi()) == []
    if (old := released()) is not None:
        assert broken(old, openapi()) == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("paths",), lambda at: at.pop("/api/v1/services/{id}/suspend")),
        (("paths", "/api/v1/services/{id}"), lambda at: at.pop("patch")),
        (("components", "schemas", "Vm", "properties"), lambda at: at.pop("fqdn")),
        (("components", "schemas", "Vm", "properties", "name"), lambda at: at.update(type="integer")),
        (("components", "schemas", "NewClient"), lambda at: at["required"].append("language")),
        (("paths", "/api/v1/services", "get", "parameters"), lambda at: at.pop()),
        (("paths", "/api/v1/vms", "get", "parameters", 0), lambda at: at.update(required=True)),
        (("paths", "/api/v1/services", "post", "responses"), lambda at: at.pop("202")),
    ],
)
def test_a_change_that_breaks_clients_is_noticed(path: tuple[Any, ...], change: Any) -> None:
    new = copy.deepcopy(openapi())
    at: Any = new
    for part in path:
        at = at[part]
    change(at)
    assert len(broken(openapi(), new)) == 1
    assert broken(new, openapi()) == [] or path[-1] in ("name", "NewClient", 0, "responses")


def test_every_verb_has_its_path() -> None:
    known = {" ".join(verb.path[1:]) for noun in verbs.nouns() for verb in noun.verbs}
    served = dict(operations(openapi()))
    assert known - PATHS.keys() - EXCEPTIONS.keys() - NOT_YET.keys() == set(), "name their path or the reason"
    assert (PATHS.keys() | EXCEPTIONS.keys() | NOT_YET.keys()) - known == set(), "unknown verb"
    assert {each for paths in PATHS.values() for each in paths} <= served.keys()
    assert not PATHS.keys() & (EXCEPTIONS.keys() | NOT_YET.keys())
    assert all(len(reason) > 10 for reason in (*EXCEPTIONS.values(), *NOT_YET.values()))


def test_every_path_has_its_verb() -> None:
    from tests.api.coverage import ONLY_HTTP

    named = {each for paths in PATHS.values() for each in paths}
    assert set(dict(operations(openapi()))) - named == ONLY_HTTP.keys()
