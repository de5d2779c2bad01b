"""Requests as they stand, and the stream of events."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated

from fastapi import Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from engine.actions import tokens
from engine.audit import Actor
from engine.errors import NotFound
from engine.queries import events
from engine.queries.events import EventView
from engine.queries.requests import RequestView
from engine.queries.requests import request as request_of
from engine.queries.scoping import need_service
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, answers, problems
from kvmtui.api.hub import Hub, StreamListener
from kvmtui.api.problems import ApiError
from kvmtui.api.routing import BIGGEST, Caller
from kvmtui.api.threads import Threads

router = routing.router()
LONGEST_WAIT = 60
MOST_STREAMS = 1000
_LOOK_S = 5.0  # a long poll looks this often even when no event came
_BEAT_S = (
    15.0  # a quiet stream says something this often, so that proxies keep it open; its token is checked again
)
_PACE_S = 0.5  # what comes sooner after a message goes out with the next one
_PAGE = 1000
_RETRY_MS = 2000


@router.get("/api/v1/requests/{id}", responses=answers(shapes.RequestDetail, ONE), tags=["Requests"])
async def show_request(
    request: Request,
    caller: Caller,
    id: Annotated[int, Path(ge=1, le=BIGGEST, description="The request's id.", examples=[812])],  # noqa: A002
    wait: Annotated[
        int,
        Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the request to end.", examples=[30]),
    ] = 0,
) -> Response:
    """Show a request; with `wait`, as soon as it has ended or the seconds have passed."""
    threads, hub = request.app.state.threads, request.app.state.hub
    look = partial(_look, id, caller)
    end = asyncio.get_running_loop().time() + wait
    listener = hub.listen() if wait else None
    try:
        found: RequestView = await threads.run(look)
        while listener is not None and not found.over and not listener.closed:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                break
            listener.take()
            found = await threads.run(look)  # what was committed before the queue was emptied
            if not found.over:
                await _about(listener, found.service_id, min(left, _LOOK_S))
                found = await threads.run(look)
    finally:
        if listener is not None:
            hub.leave(listener)
    return JSONResponse(found.as_json())


async def _about(listener: StreamListener, service_id: int, seconds: float) -> None:
    """Wait for an event of a service."""
    end = asyncio.get_running_loop().time() + seconds
    while (left := end - asyncio.get_running_loop().time()) > 0 and not listener.closed:
        if not await listener.wait(left):
            return
        found, lost = listener.take()
        if lost or any(each.service == service_id for each in found):
            return


def _look(number: int, caller: Actor) -> RequestView:
    found = request_of(number, caller.scope)
    if found is None:
        raise NotFound(f"Request {number} not found. Requests are kept for a while after they have ended.")
    return found


@router.get(
    "/api/v1/events",
    responses={
        200: {
            "description": "A stream of events; `data` of each is an Event.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(ONE),
    },
    response_class=StreamingResponse,
    tags=["Requests"],
)
async def follow_events(
    request: Request,
    caller: Caller,
    service: Annotated[
        int | None, Query(ge=1, le=BIGGEST, description="Only events of this service.", examples=[5546])
    ] = None,
    last_event_id: Annotated[
        int | None,
        Header(alias="Last-Event-ID", ge=0, le=(1 << 63) - 1, description="Continue after this event."),
    ] = None,
) -> Response:
    """Follow what happens as server-sent events, from now on or after Last-Event-ID."""
    state = request.app.state
    if state.hub.listening >= MOST_STREAMS:
        raise ApiError(503, "Too many streams are open. Retry later.", {"Retry-After": "30"})
    if service is not None:
        await state.threads.run(partial(need_service, caller.scope, service))
    listener = state.hub.listen()
    after = last_event_id if last_event_id is not None else await state.threads.run(events.last_id)

    def select(found: list[EventView]) -> list[EventView]:
        about = [each for each in found if service is None or each.service == service]
        return events.visible(about, caller.scope)

    accepted = partial(tokens.works, routing.presented(request))
    stream = _stream(
        state.hub, state.threads, listener, after, select, caller.scope.limited, accepted, state.messages
    )
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _stream(
    hub: Hub,
    threads: Threads,
    listener: StreamListener,
    after: int,
    select: Callable[[list[EventView]], list[EventView]],
    asks: bool,
    accepted: Callable[[], bool],
    messages: Messages,
) -> AsyncIterator[bytes]:
    """Events in order: from the database until caught up, then as they come; after a loss, from there again.

    It ends when the token expires or is revoked.
    """
    clock = asyncio.get_running_loop().time
    try:
        yield f"retry: {_RETRY_MS}\n: connected\n\n".encode()
        behind, check_at = True, clock() + _BEAT_S
        while not listener.closed:
            if clock() >= check_at:
                if not await threads.run(accepted):
                    return
                check_at = clock() + _BEAT_S
            if behind:
                found = await threads.run(partial(events.read, after, _PAGE))
                behind = len(found) == _PAGE
            else:
                if not await listener.wait(_BEAT_S):
                    yield b": still here\n\n"
                    continue
                found, behind = listener.take()
                if behind:
                    continue
            found = [each for each in found if each.id > after]
            if not found:
                continue
            after = found[-1].id
            wanted = await threads.run(partial(select, found)) if asks else select(found)
            if wanted:
                yield b"".join(map(messages.of, wanted))
                await asyncio.sleep(_PACE_S)
    finally:
        hub.leave(listener)


class Messages:
    """Events as streams carry them, each encoded once for all streams."""

    def __init__(self, most: int = 2 * _PAGE) -> None:
        self._most = most
        self._made: OrderedDict[int, bytes] = OrderedDict()

    def of(self, event: EventView) -> bytes:
        """The event with its id, as bytes."""
        made = self._made.get(event.id)
        if made is None:
            data = json.dumps(events.document(event), ensure_ascii=False)
            made = f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()
            self._made[event.id] = made
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return made
