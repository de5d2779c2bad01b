"""Long polls and the stream of events: woken at once, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from engine.actions import tokens
from engine.roles import Role
from engine.store.models import ApiToken, Request
from engine.work import events
from engine.work import requests as work_requests
from kvmtui.api import hub
from kvmtui.api.operations import requests
from tests.api.conftest import ADMIN, Api, site, token
from tests.conftest import Store
from tests.waiting import soon

ORDER = {"client": "Acme", "product": "VPS-2"}


def stream(api: Api, last: int | None = None, query: str = "") -> Any:
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    return api.http.stream("GET", f"/api/v1/events{query}", headers=headers)


def messages(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream as they come."""
    number = 0
    for line in answer.iter_lines():
        if line.startswith("id: "):
            number = int(line[4:])
        if line.startswith("data: "):
            found = json.loads(line[6:])
            assert found["id"] == number
            yield found


def publish(count: int, service: int = 1) -> None:
    for number in range(count):
        events.announce("note", f"note {number}", service=service)


def test_a_long_poll_ends_when_the_request_does(api: Api) -> None:
    site()
    made = api.ok("POST", "/api/v1/services", json=ORDER)["request"]

    def end() -> None:
        from engine.store.database import in_transaction

        time.sleep(0.5)

        def work() -> None:
            row = Request.get_by_id(made["id"])
            work_requests.end_running(row.vm, "done")
            events.publish("run", service=row.service, vm=row.vm)

        in_transaction(work)

    thread = threading.Thread(target=end)
    thread.start()
    began = time.monotonic()
    found = api.ok("GET", f"/api/v1/requests/{made['id']}?wait=30", 200)
    thread.join()
    assert found["state"] == "done" and found["ended"] and time.monotonic() - began < 15


def test_a_long_poll_that_ends_without_a_result_answers_the_state(api: Api) -> None:
    site()
    made = api.ok("POST", "/api/v1/services", json=ORDER)["request"]
    assert api.ok("GET", f"/api/v1/requests/{made['id']}?wait=1", 200)["state"] == "queued"
    api.problem("GET", "/api/v1/requests/999?wait=30", 404)


def test_long_polls_hold_no_thread(serve: Any) -> None:
    api = serve(threads=2)
    site()
    made = api.ok("POST", "/api/v1/services", json=ORDER)["request"]
    path = f"/api/v1/requests/{made['id']}?wait=10"
    with ThreadPoolExecutor(20) as clients:
        waiting = [clients.submit(api.get, path) for _ in range(20)]
        time.sleep(1)
        api.ok("GET", "/api/v1/services", 200)
        assert not any(each.done() for each in waiting)  # it was answered while all of them wait
    assert [each.result().json()["state"] for each in waiting] == ["queued"] * 20


def test_reconnects_lose_and_double_nothing(api: Api) -> None:
    start = events.last_id()
    writer = threading.Thread(target=publish, args=(300,))
    writer.start()
    got: list[int] = []
    last = start
    while len(got) < 300:
        with stream(api, last) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for left, found in zip(range(random.randint(1, 60)), messages(answer), strict=False):
                del left
                got.append(found["id"])
                last = found["id"]
                if len(got) == 300:
                    break
    writer.join()
    assert got == [each.id for each in events.read(start, 1000)]


def test_a_listener_that_falls_behind_reads_what_it_lost(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "QUEUE", 3)
    start = events.last_id()
    with stream(api, start) as answer:
        reader = messages(answer)
        publish(1)
        got = [next(reader)["id"]]

        def burst() -> None:
            from engine.store.database import in_transaction

            in_transaction(lambda: [events.publish("note", f"{number}") for number in range(50)])

        burst()
        publish(1)
        got += [next(reader)["id"] for _ in range(51)]
    assert got == [each.id for each in events.read(start)]


def test_a_stream_of_one_service_contains_no_other(api: Api) -> None:
    site()
    first, second = (
        api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"] for _ in range(2)
    )
    with stream(api, 0, f"?service={second}") as answer:
        reader = messages(answer)
        publish(3, first)
        publish(1, second)
        assert next(reader)["service_id"] == second
        publish(3, first)
        publish(1, second)
        rest = [next(reader) for _ in range(1)]
    assert {each["service_id"] for each in rest} == {second}
    api.problem("GET", "/api/v1/events?service=99", 404)


@pytest.mark.parametrize("busy", [True, False])
def test_a_stream_ends_when_its_token_is_revoked(
    serve: Any, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    monkeypatch.setattr(requests, "_BEAT_S", 1.0)
    secret = token("listener", Role.VIEWER)
    served = serve(secret)
    name = ApiToken.get(ApiToken.digest == tokens.digest_of(secret)).name
    until = time.monotonic() + 15
    with stream(served) as answer:
        lines = answer.iter_lines()
        while "connected" not in next(lines):
            pass
        tokens.revoke(ADMIN, name)
        for _ in lines:  # it ends by itself
            if busy:
                publish(1)
            assert time.monotonic() < until


def test_streams_end_with_the_server(serve: Any) -> None:
    api = serve()
    with stream(api) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        began = time.monotonic()
        assert api.server.stop()
        assert time.monotonic() - began < 5
        list(lines)


def test_what_happens_before_the_follower_starts_is_handed_out(sqlite_store: Store) -> None:
    came: list[str] = []

    async def follow() -> None:
        follower = hub.Hub(lambda found: came.extend(each.text for each in found))
        after = events.last_id()
        events.announce("note", "early")
        follower.start(after)
        await soon(lambda: came)
        follower.close()
        await asyncio.to_thread(follower.join, 5)

    asyncio.run(follow())
    assert came == ["early"]
