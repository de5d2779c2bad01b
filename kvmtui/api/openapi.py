"""The OpenAPI 3.1 schema: FastAPI's, with an example for every operation and every error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kvmtui.api import shapes
from kvmtui.api.example_bodies import BODIES
from kvmtui.api.example_errors import ERRORS
from kvmtui.api.examples import ANSWERS
from kvmtui.api.problems import MEDIA, TITLES, document

_ABOUT = """The HTTP API of kvmtui, for billing systems, portals and scripts.

Every operation needs `Authorization: Bearer kvt_…` unless it says otherwise. Times are ISO 8601 in UTC. Errors are
RFC 9457 `application/problem+json`. Every write takes an `Idempotency-Key`: a retry with the same key and body gets the
same answer and has no second effect; keys are kept for seven days."""
_METHODS = ("get", "post", "put", "patch", "delete")


def describe(app: FastAPI) -> dict[str, Any]:
    """The schema of an application. The server answers the one that `kvmtui.reference` stored."""
    schema = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes, openapi_version="3.1.0"
    )
    components = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    for shape in (shapes.Problem, shapes.Fault, shapes.Event, shapes.Mapping):
        made = shape.model_json_schema(ref_template="#/components/schemas/{model}")
        made.pop("$defs", None)
        components[shape.__name__] = made
    for operation in _operations(schema):
        _complete(operation)
    schema["components"]["schemas"] = dict(sorted(components.items()))
    schema["components"]["responses"] = {name_of(status): _error(status) for status in sorted(ERRORS)}
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        for method in _METHODS:
            if method in path:
                yield path[method]


def _complete(operation: dict[str, Any]) -> None:
    """Examples for the body and for every answer."""
    name = operation["operationId"]
    responses = operation["responses"]
    if "422" in responses and "HTTPValidationError" in str(responses["422"]):
        del responses["422"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        body["example"] = BODIES.get(name, {})
    for status, answer in responses.items():
        content = answer.get("content", {})
        if MEDIA in content:
            responses[status] = {"$ref": f"#/components/responses/{name_of(int(status))}"}
            continue
        for each in content.values():
            each["example"] = ANSWERS.get(f"{name} {status}", ANSWERS.get(name))
    operation["responses"] = dict(sorted(responses.items()))


def name_of(status: int) -> str:
    """The name of an error among the schema's responses."""
    return "".join(part.capitalize() for part in TITLES[status][0].split("-"))


def _error(status: int) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{shapes.Problem.__name__}"}
    content = {MEDIA: {"schema": schema, "example": document(status, *ERRORS[status])}}
    return {"description": TITLES[status][1], "content": content}
