"""How a write is answered: once per Idempotency-Key, 202 with its request, a preview, or 412 on a stale record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response

from engine.actions.idempotency import KeptAnswer, once
from engine.actions.previews import preview
from engine.actions.requests import Queued
from engine.audit import Actor
from engine.errors import AlreadySo
from engine.queries.documents import plain
from engine.queries.requests import open_requests
from engine.queries.requests import request as request_of
from kvmtui.api.problems import Stale

_STALE = "The record was changed: its revision is {now}, not {given}. Read it again, then retry."
_FIELDS = ("id", "state", "action", "service_id", "run_id", "error")
NO_REQUEST = dict.fromkeys(_FIELDS)


@dataclass(frozen=True, slots=True)
class Writer:
    """One write: who sends it, and how it may be repeated."""

    actor: Actor
    key: str
    digest: str
    match: str

    def because(self, reason: str) -> Actor:
        """The actor, with a reason for the audit."""
        return replace(self.actor, reason=" ".join(reason.split())) if reason.strip() else self.actor

    def request(self, service_id: int | None, work: Callable[[], Queued]) -> Response:
        """Queue a request; 202 with it. When it is already so, with the request that made it so, if it is open."""

        def answer() -> KeptAnswer:
            try:
                queued = work()
            except AlreadySo as so:
                return KeptAnswer(202, {"request": _under_way(service_id), "message": so.sentence})
            return KeptAnswer(202, {"request": _document(queued), "message": queued.sentence})

        return self.send(answer)

    def record(self, action: str, work: Callable[[], tuple[str, dict[str, Any]]]) -> Response:
        """Change a record; 202 with a request that is done, and the record."""

        def answer() -> KeptAnswer:
            sentence, facts = work()
            number = facts["service"]["id"] if "service" in facts else None
            done = NO_REQUEST | {"state": "done", "action": action, "service_id": number}
            return KeptAnswer(202, {"request": done, "message": sentence, **plain(facts)})

        return self.send(answer)

    def send(self, work: Callable[[], KeptAnswer]) -> Response:
        """The answer of `work`, or the one stored under this key, as a response."""
        answer = self.kept(work)
        headers = replayed(answer)
        for name in ("service", "client"):
            if name in answer.document:
                headers["ETag"] = f'"{answer.document[name]["revision"]}"'
        return JSONResponse(answer.document, answer.status, headers)

    def kept(self, work: Callable[[], KeptAnswer]) -> KeptAnswer:
        """The answer of `work`, or the one stored under this key."""
        return once(self.actor, self.key, self.digest, work)

    def expect(self, revision: str) -> None:
        """412 when If-Match names another revision; call it in the transaction that changes the record."""
        given = [each.strip().removeprefix("W/").strip('"') for each in self.match.split(",") if each.strip()]
        if given and "*" not in given and revision not in given:
            raise Stale(_STALE.format(now=revision, given=given[0]))


def replayed(answer: KeptAnswer) -> dict[str, str]:
    """The headers of an answer that tell a retry from the first request."""
    return {"Idempotency-Replayed": "true"} if answer.replayed else {}


def planned(work: Callable[[], Queued]) -> Response:
    """What a request would do; 200, and nothing is kept."""
    try:
        found = preview(work)
    except AlreadySo as so:
        return JSONResponse({"action": "", "sentence": so.sentence, "steps": []})
    return JSONResponse(plain(found))


def _document(queued: Queued) -> dict[str, Any]:
    view = request_of(queued.request_id) if queued.request_id else None
    if view is None:
        return NO_REQUEST | {"state": "done", "action": queued.action, "service_id": queued.service_id}
    return _short(view.as_json())


def _under_way(service_id: int | None) -> dict[str, Any]:
    open_ones = open_requests(service_id) if service_id is not None else []
    if open_ones:
        return _short(open_ones[0].as_json())
    return NO_REQUEST | {"state": "done", "action": "", "service_id": service_id}


def _short(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in _FIELDS}


async def _writer(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[!-~]+$",
            description="Any unique text. A retry with the same key gets the same answer and has no second effect.",
        ),
    ] = None,
) -> Writer:
    body = getattr(request, "_json", None)
    text = json.dumps([request.method, request.url.path, body], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Writer(request.state.actor, key or "", digest, request.headers.get("if-match", ""))


Write = Annotated[Writer, Depends(_writer)]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The ETag that was read; 412 when the record has another one.",
    ),
]
Plan = Annotated[bool, Query(description="Answer what would happen, and do nothing.")]
