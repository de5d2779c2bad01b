"""More requests, or slower ones, than the server takes: some are refused, the rest is answered."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kvmtui.api import app, threads
from tests.api.conftest import Api


def test_a_token_that_sends_too_much_is_slowed(serve: Callable[..., Api]) -> None:
    api = serve(rate_limit=5)
    answers = [api.get("/api/v1/clients") for _ in range(40)]
    slowed = [each for each in answers if each.status_code == 429]
    assert slowed and slowed[0].headers["retry-after"] == "1" and answers[0].status_code == 200
    assert json.loads(slowed[0].text)["title"] == "Too many requests"


def test_too_many_requests_at_once_are_refused_and_the_rest_is_answered(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "_WAITING", 1)
    api = serve(threads=2)

    def slow(*_: Any) -> list[Any]:
        time.sleep(0.3)
        return []

    monkeypatch.setattr("kvmtui.api.operations.reading.inventory.products", slow)
    with ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(lambda _: api.get("/api/v1/products").status_code, range(30)))
    assert set(statuses) == {200, 503}
    assert api.get("/api/v1/health").status_code == 200


def test_a_call_that_hangs_is_given_up(serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "Threads", lambda size: threads.Threads(size, seconds=0.3))
    monkeypatch.setattr("kvmtui.api.operations.reading.inventory.products", lambda *_: time.sleep(2) or [])
    api = serve()
    assert "same Idempotency-Key" in api.problem("GET", "/api/v1/products", 504)["detail"]
