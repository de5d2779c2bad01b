"""SIGKILL around every commit, against a client that retries everything: one service per order, one answer."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.migrate import migrate
from engine.store.models import Answered, Audit, Event, Request, Service, Vm
from engine.store.urls import sqlite_url
from tests.api.conftest import make_ready, owner_token, site
from tests.conftest import clean_environment

TRIES = 3
ROUNDS = int(os.environ.get("KVMTUI_API_KILLS", "6"))


class Killed:
    """A server that is started again, on the same port, whenever it was killed."""

    def __init__(self, home: Path) -> None:
        self._home, self._port = home, 0
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.kills = 0

    def start(self, kill_at: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.api.killing", str(kill_at), str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(self._home),
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "the server did not start"
        self._port = int(self.url.rsplit(":", 1)[1])

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs, start it again when it was killed."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                if self.process is not None and self.process.poll() is not None:
                    self.kills += 1
                    self.start(0)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            for stream in (self.process.stdin, self.process.stdout):
                assert stream is not None
                stream.close()


def retrying(url: str, method: str, path: str, key: str, **options: Any) -> httpx.Response:
    """Send a write; when no answer comes, send it again with the same key: three tries, with jitter."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key}
    for attempt in range(TRIES):
        with suppress(httpx.TransportError):
            return httpx.request(method, url + path, headers=headers, timeout=30, trust_env=False, **options)
        end = time.monotonic() + 30 + random.random() * attempt
        while time.monotonic() < end:  # a billing system waits longer than a server takes to start
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/api/v1/health", trust_env=False, timeout=2)
                break
            time.sleep(0.05)
    raise AssertionError(f"{method} {path} got no answer in {TRIES} tries")


TOKEN = ""


@pytest.fixture
def server(home: Path) -> Iterator[Killed]:
    """A site with a client and products, and a server for it that can be killed."""
    global TOKEN
    open_database(sqlite_url(home / "kvmtui.db"))
    migrate()
    secrets.use_key_file(home / "secret.key")
    site()
    TOKEN = owner_token()
    killed = Killed(home)
    yield killed
    killed.end()
    secrets.forget_key()
    close_database()


def moments(last: int) -> list[int]:
    """Some of the moments, others at each run; with KVMTUI_API_KILLS large enough, all of them."""
    known = list(range(1, last + 1))
    return sorted(random.sample(known, min(ROUNDS, last)))


@pytest.mark.timeout(600)
def test_an_order_is_one_service_wherever_the_server_is_killed(server: Killed) -> None:
    kills = 0
    for number, moment in enumerate(moments(6), start=1):
        server.kills = 0
        server.start(moment)
        body = {
            "client": "Acme",
            "product": "VPS-2",
            "external_ref": f"order-{number}",
            "notes": "from the shop",
        }
        with server.watched():
            first = retrying(server.url, "POST", "/api/v1/services", f"key-{number}", json=body)
            again = retrying(server.url, "POST", "/api/v1/services", f"key-{number}", json=body)
        kills += server.kills
        server.end()
        assert first.status_code == 202, first.text
        assert (again.status_code, again.json()) == (202, first.json())
        made = Service.get(Service.external_ref == f"order-{number}")
        assert first.json()["request"]["service_id"] == made.id and made.notes == "from the shop"
        assert Service.select().count() == number == Vm.select().count() == Answered.select().count()
        assert Request.select().where(Request.service == made.id).count() == 1
        created = (Audit.action == "create") & (Audit.object_id == str(made.id)) & (Audit.kind == "service")
        assert Audit.select().where(created).count() == 1
    assert kills > 0, "no server was killed, so nothing was tested"


@pytest.mark.timeout(600)
def test_each_kind_of_write_happens_once(server: Killed) -> None:
    server.start(0)
    made = retrying(
        server.url, "POST", "/api/v1/services", "order", json={"client": "Acme", "product": "VPS-2"}
    )
    number = made.json()["request"]["service_id"]
    server.end()
    kills = 0
    writes: list[tuple[str, str, Any]] = [
        ("POST", "vm/snapshots", {"name": "before"}),
        ("POST", "vm/reboot", None),
        ("PATCH", "", {"notes": "paid"}),
        ("POST", "suspend", {"reason": "not paid"}),
        ("POST", "terminate", None),
    ]
    for place, (method, verb, body) in enumerate(writes):
        make_ready(number)
        server.kills = 0
        server.start(random.choice((2, 3, 4)))  # authentication may write once before
        path = f"/api/v1/services/{number}" + (f"/{verb}" if verb else "")
        before = Audit.select().count()
        with server.watched():
            first = retrying(server.url, method, path, f"w{place}", json=body)
            again = retrying(server.url, method, path, f"w{place}", json=body)
        kills += server.kills
        server.end()
        assert first.status_code == 202 and again.json() == first.json(), first.text
        assert Audit.select().count() == before + 1
    assert kills > 0, "no server was killed, so nothing was tested"
    assert Event.select().count() > 0
