"""`KEY=VALUE` from a command line, laid over the values of a form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from engine.errors import Refused

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any field of the manifest, e.g. network.ipv6=1."),
]


def pairs(given: Iterable[str] | None) -> dict[str, str]:
    """The keys and values of `KEY=VALUE` texts; refused when one has no `=` or a key comes twice."""
    found: dict[str, str] = {}
    for text in given or ():
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise Refused(f"'{text}' is not KEY=VALUE.")
        if key.strip() in found:
            raise Refused(f"{key.strip()} is given twice.")
        found[key.strip()] = value.strip()
    return found


def assigned(values: Mapping[str, Any], given: Iterable[str] | None, **options: Any) -> dict[str, Any]:
    """The values with `--set` texts over them, and over these the options that were given (are not None)."""
    made = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    for key, value in pairs(given).items():
        _assign(made, key.split("."), value, key)
    made |= {name: value for name, value in options.items() if value is not None}
    return made


def _assign(values: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise Refused(f"{key}: unknown key.")
        values = inner
    old = values.get(path[-1])
    values[path[-1]] = (
        [each.strip() for each in value.split(",") if each.strip()] if isinstance(old, list) else value
    )


def say(outcome: Any, as_json: bool = False, dry_run: bool = False) -> None:
    """What was done to an object, in one line, and one more for each warning; of a dry run, the plan as a result."""
    from kvmtui.terminal import output

    if dry_run and not as_json:
        for line in plan_lines(outcome):
            output.write(output.safe(line))
    elif not dry_run:
        done = {"create": "was added", "change": "was changed", "same": "is already so; nothing was changed"}
        output.message(output.safe(f"The {outcome.kind} {outcome.name} {done[outcome.verb]}."))
    for warning in outcome.warnings:
        output.message(output.safe(f"Warning: {warning}"))
    if as_json:
        output.show_json(output.plain(outcome) | {"dry_run": dry_run})


def say_deleted(kind: str, name: str, number: int | str, as_json: bool, dry_run: bool) -> None:
    """That an object was deleted, or would be."""
    from kvmtui.terminal import output

    if dry_run and not as_json:
        output.write(output.safe(f"- delete {kind} {name}"))
    elif not dry_run:
        output.message(output.safe(f"The {kind} {name} was deleted."))
    if as_json:
        output.show_json({"kind": kind, "name": name, "verb": "delete", "id": number, "dry_run": dry_run})


def plan_lines(outcome: Any, with_same: bool = True) -> list[str]:
    """What is done to an object, a line per field that changes."""
    what = f"{outcome.kind} {outcome.name}"
    if outcome.verb == "create":
        return [f"+ create {what}"]
    if outcome.verb == "same":
        return [f"= same {what}"] if with_same else []
    return [
        f"~ change {what} {each.field}: {shown(each.old)} -> {shown(each.new)}"
        for each in outcome.differences
    ]


def shown(value: Any) -> str:
    """A value in a plan."""
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) or "(none)" if isinstance(value, list) else str(value)
