"""What operations can answer, for the schema, and how reads are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi.responses import JSONResponse

from engine.queries.documents import plain
from engine.queries.keyset import Slice, order, sliced
from kvmtui.api.problems import MEDIA, TITLES
from kvmtui.api.routing import Paging
from kvmtui.api.shapes import Accepted, Problem, Shape, page_of

Responses = dict[int | str, dict[str, Any]]
READ = (401, 403, 422, 429, 503, 504)
ONE = (*READ, 404)
CLUSTER = (*ONE, 409, 502)
WRITE = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503, 504)


def answers(shape: type[Shape], errors: tuple[int, ...] = READ, status: int = 200) -> Responses:
    """An answer and the errors that may come in its place."""
    return {status: {"model": shape, "description": _summary(shape)}, **problems(errors)}


def problems(statuses: tuple[int, ...]) -> Responses:
    """These errors."""
    return {
        status: {"description": TITLES[status][1], "content": {MEDIA: {"schema": {"$ref": _PROBLEM}}}}
        for status in sorted(set(statuses))
    }


def page(shape: type[Shape], errors: tuple[int, ...] = READ) -> Responses:
    """A page of a list."""
    return answers(page_of(shape), errors)


def accepted(shape: type[Shape] = Accepted, errors: tuple[int, ...] = WRITE) -> Responses:
    """202, and the errors of writes."""
    return answers(shape, errors, 202)


_PROBLEM = f"#/components/schemas/{Problem.__name__}"


def _summary(shape: type[Shape]) -> str:
    return " ".join((shape.__doc__ or shape.__name__).split())


def send(value: Any, status: int = 200, etag: str = "") -> JSONResponse:
    """A view, or views, as JSON."""
    return JSONResponse(plain(value), status, {"ETag": f'"{etag}"'} if etag else None)


def send_page(found: Slice[Any]) -> JSONResponse:
    """A page of views."""
    return JSONResponse({"items": plain(found.items), "next": found.next})


def send_stretch(shape: type[Shape], items: Sequence[Any], paging: Paging, **more: Any) -> JSONResponse:
    """A page of a short list, in the order it has unless `sort` names a field; `next` counts its items."""
    rows: list[dict[str, Any]] = [row for row in plain(list(items)) if holds(row, paging.q)]
    if paging.sort:
        name, descending = order(paging.sort, list(shape.model_fields))
        rows.sort(key=lambda row: _rank(row.get(name)), reverse=descending)
    found = sliced(list(enumerate(rows)), lambda each: (each[0], 0), after=paging.after, limit=paging.limit)
    return JSONResponse({"items": [row for _, row in found.items], "next": found.next, **plain(more)})


def holds(row: dict[str, Any], q: str) -> bool:
    """Whether every word of a filter is in one of the values."""
    values = [str(value).lower() for value in row.values()]
    return all(any(word in value for value in values) for word in q.lower().split())


def _rank(value: Any) -> tuple[bool, float, str]:
    """Numbers by their size, everything else as text, nothing first."""
    number = isinstance(value, int | float)
    return value is not None, float(value) if number else 0.0, "" if number else str(value)
