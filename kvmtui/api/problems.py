"""Errors as RFC 9457 `application/problem+json`: one table from what the engine raises to status and title."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from engine.errors import (
    AlreadySo,
    Forbidden,
    InvalidValue,
    KvmtuiError,
    NotAuthenticated,
    NotFound,
    Refused,
    TooManyTries,
)
from engine.forms.faults import BadInput, Fault, faults_from
from engine.redact import redact

log = logging.getLogger("kvmtui.api")
MEDIA = "application/problem+json"
TITLES: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "Bad request"),
    401: ("not-authenticated", "Not authenticated"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    408: ("too-slow", "The request was not received in time"),
    409: ("refused", "Refused"),
    412: ("stale", "The record was changed"),
    413: ("too-large", "The request is too large"),
    415: ("not-json", "The body is not JSON"),
    422: ("bad-input", "Bad input"),
    429: ("too-many-requests", "Too many requests"),
    500: ("internal", "Internal error"),
    502: ("failed", "Tried and failed"),
    503: ("unavailable", "Not available"),
    504: ("timed-out", "Timed out"),
}
NOT_AN_OBJECT = "The body must be a JSON object."
_WRITTEN = {
    "Idempotency-Key": "must be 1 to 255 printable ASCII characters without spaces.",
    "month": "must be a month such as 2026-04.",
}
"""How a parameter with a pattern is written."""
UNEXPECTED = (
    "kvmtui met an error it did not expect. The details are in its log, under this request's id. "
    "Retry with the same Idempotency-Key."
)


class ApiError(Exception):
    """An answer that is a problem, raised where the API itself refuses a request."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, dict(headers or {})


def problem(
    status: int,
    sentence: str,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer for an error; `sentence` is the one the command line prints."""
    return JSONResponse(document(status, sentence, errors), status, dict(headers or {}), MEDIA)


def document(status: int, sentence: str, errors: Sequence[Fault] = ()) -> dict[str, Any]:
    """The members of a problem."""
    name, title = TITLES.get(status, ("error", "Error"))
    made: dict[str, Any] = {
        "type": f"/api/v1/docs#{name}",
        "title": title,
        "status": status,
        "detail": redact(sentence),
    }
    if errors:
        made["errors"] = [{"path": each.where, "detail": redact(each.sentence)} for each in errors]
    return made


def of_engine(error: KvmtuiError) -> JSONResponse:
    """The answer for what the engine refused or failed to do."""
    if isinstance(error, TooManyTries):
        return problem(429, error.sentence, headers={"Retry-After": str(max(1, round(error.retry_after)))})
    if isinstance(error, NotAuthenticated):
        return problem(401, error.sentence, headers={"WWW-Authenticate": 'Bearer realm="kvmtui"'})
    if isinstance(error, BadInput):
        return problem(422, error.sentence, error.faults)
    if isinstance(error, InvalidValue):
        return problem(422, error.sentence, [Fault((error.field,), error.sentence)])
    return problem(status_of(error), error.sentence)


def status_of(error: KvmtuiError) -> int:
    """The status for an error without a special form."""
    for kind, status in ((Forbidden, 403), (NotFound, 404), (Stale, 412), (AlreadySo, 200), (Refused, 409)):
        if isinstance(error, kind):
            return status
    return 502


class Stale(Refused):
    """The record is not the one that If-Match names any more."""


def of_validation(found: Sequence[Any]) -> JSONResponse:
    """The answer for parameters that do not fit, or a missing body, each fault with its path."""
    faults = list(_faults(found))
    return problem(422, "\n".join(str(each) for each in faults), faults)


def _faults(found: Sequence[Any]) -> Iterator[Fault]:
    for each in found:
        place, *path = each["loc"]
        if place == "body" and not path:
            yield Fault((), NOT_AN_OBJECT)
        elif each["type"] == "string_pattern_mismatch" and path[-1] in _WRITTEN:
            yield Fault(tuple(path), _WRITTEN[path[-1]])
        else:  # the body's own fields were checked before
            yield from faults_from([{**each, "loc": tuple(path)}], BaseModel)


def of_http(request: Request, error: HTTPException) -> JSONResponse:
    """The answer for what the router refuses: an unknown path, another method."""
    sentences = {
        404: "Nothing is served at this path. The paths are in /api/v1/docs.",
        405: "This path does not take this method. The methods are in /api/v1/docs.",
    }
    said = sentences.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return problem(error.status_code, said, headers=headers)


def _methods(request: Request) -> list[str]:
    """Every method of a path; the router only names those of the first operation it found."""
    path = request.scope["path"]
    found = (each.methods for each in request.app.state.operations if each.path_regex.match(path))
    return sorted({method for methods in found for method in methods})


def of_unexpected(error: Exception, request_id: str) -> JSONResponse:
    """The answer for an error nobody expected; its traceback goes to the log."""
    log.error("Unexpected error in request %s", request_id, exc_info=error)
    return problem(500, UNEXPECTED)
