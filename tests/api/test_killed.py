"""SIGKILL at every moment of every kind of write, against a client that retries everything: one effect, one answer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.actions import orders
from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.migrate import migrate
from engine.store.models import (
    Address,
    Answered,
    Audit,
    Client,
    Event,
    Outbox,
    Product,
    Request,
    Server,
    Service,
    Vm,
    Webhook,
    WebhookDelivery,
)
from engine.store.urls import sqlite_url
from kvmtui.api.example_bodies import BODIES
from kvmtui.reference.api import openapi
from tests import seeds
from tests.api.conftest import ADMIN, make_ready, owner_token, site
from tests.api.killing import MOMENTS
from tests.conftest import clean_environment

TRIES = 3
SAMPLE = os.environ.get("KVMTUI_API_KILLS", "12")  # pairs of a write and a moment; `all` for every one
TABLES = (Service, Vm, Client, Request, Audit, Answered, Event, Outbox, Webhook, WebhookDelivery, Address)
NOT_ONCE = {
    "check_webhook": "sends a message to a server at once; a sent message cannot be undone",
    "open_console": "keeps a link in memory, which ends with the process",
    "open_session": "makes another link at each try; one that nobody opens expires within 60 s",
    "test_notify_targets": "sends a message to a server at once; a sent message cannot be undone",
    "replay_delivery": "sends a message again; endpoints tell them apart by its id",
}


@dataclass(frozen=True)
class WriteOperation:
    """An operation that changes something."""

    name: str
    method: str
    path: str


def writes() -> list[WriteOperation]:
    """Every operation that changes something, except those that say why not."""
    return [
        WriteOperation(operation["operationId"], method.upper(), path)
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if method != "get" and operation["operationId"] not in NOT_ONCE
    ]


def pairs() -> list[tuple[WriteOperation, str]]:
    """Some writes at some moments, others at each run, every moment among them; or every write at every moment."""
    known = writes()
    if SAMPLE == "all":
        return [(write, moment) for write in known for moment in MOMENTS]
    moments = list(MOMENTS) * (1 + int(SAMPLE) // len(MOMENTS))
    return list(zip(seeds.chance("api kills").sample(known, int(SAMPLE)), moments, strict=False))


class Killed:
    """A server that is started again, on the same port, whenever it was killed."""

    def __init__(self, home: Path, token: str) -> None:
        self.token, self.url, self.kills = token, "", 0
        self._port, self._pid = 0, 0
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.api.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=clean_environment(home),
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def start(self, moment: str) -> None:
        assert self._forks.stdin is not None and self._forks.stdout is not None
        self._forks.stdin.write(f"{moment} {self._port}\n")
        self._forks.stdin.flush()
        self.url, pid = self._forks.stdout.readline().split()
        self._pid, self._port = int(pid), int(self.url.rsplit(":", 1)[1])

    @contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs, start it again when it was killed."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.01):
                if not self._lives():
                    self.kills += 1
                    self.start("never")

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        while self._lives():
            time.sleep(0.005)

    def end(self) -> None:
        assert self._forks.stdin is not None and self._forks.stdout is not None
        self.stop()
        self._forks.stdin.close()
        self._forks.wait(10)
        self._forks.stdout.close()

    def _lives(self) -> bool:
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def send(self, write: WriteOperation, path: str, key: str) -> httpx.Response:
        """Send a write; when no answer comes, send it again with the same key: three tries, with jitter."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        body = body_of(write, key) if write.method != "DELETE" else None
        for _ in range(TRIES):
            with suppress(httpx.TransportError):
                return httpx.request(
                    write.method, self.url + path, headers=headers, json=body, timeout=30, trust_env=False
                )
            end = time.monotonic() + 30
            while time.monotonic() < end:  # a billing system waits longer than a server takes to start
                time.sleep(random.uniform(0.01, 0.1))
                with suppress(httpx.TransportError):
                    httpx.get(f"{self.url}/api/v1/health", trust_env=False, timeout=2)
                    break
        raise AssertionError(f"{write.name} got no answer in {TRIES} tries")


def body_of(write: WriteOperation, key: str) -> Any:
    """The body of the schema's example, with a name of its own where names are unique."""
    body = BODIES.get(write.name)
    if write.name == "create_client":
        return {**body, "name": f"client of {key}"}
    return body | {"external_ref": key} if body and "external_ref" in body else body


def target(write: WriteOperation) -> str:
    """The path of something new that the write can be done to."""
    if write.path.startswith("/api/v1/clients/"):
        return write.path.replace("{id}", str(Client.create(name=f"c{Client.select().count()}").id))
    if write.path.startswith("/api/v1/webhooks/"):
        hook = Webhook.create(uid="target", url="https://x.example/", events=[])
        return write.path.replace("{id}", str(hook.id))
    if "{id}" not in write.path:
        return write.path
    order = orders.OrderForm(client="Acme", product="VPS-2")
    number = orders.order(order, ADMIN).service_id
    make_ready(number)
    vm = Vm.get(Vm.service == number)
    address = f"10.0.{number // 250}.{number % 250 + 1}"
    Address.create(
        server=vm.server,
        vm=vm,
        address=address,
        state="assigned",
        bridge="vmbr0",
        prefix=24,
        gateway="10.0.0.254",
        position=0,
    )
    if write.name == "redeploy_vm":
        Vm.update(vm_status="clone").where(Vm.id == vm.id).execute()
    if write.name == "unsuspend_service":
        Service.update(status="Suspended").where(Service.id == number).execute()
    filled = write.path.replace("{id}", str(number)).replace("{name}", "s1").replace("{address}", address)
    return filled.replace("{backup}", "backup:backup%2Fx")


def one_webhook() -> None:
    """Leave one webhook, so that each write makes as many deliveries as the same write before."""
    WebhookDelivery.delete().execute()
    Webhook.delete().execute()
    Webhook.create(uid="only", url="https://x.example/", events=[])


def counts() -> list[int]:
    return [table.select().count() for table in TABLES]


@pytest.fixture
def server(home: Path) -> Iterator[Killed]:
    """A site with a client and products, and a server for it that can be killed."""
    open_database(sqlite_url(home / "kvmtui.db"))
    migrate()
    secrets.use_key_file(home / "secret.key")
    site()
    Product.update(spec=Product.get().spec | {"iso_storage": "local"}).execute()
    assert Server.select().count() == 1
    killed = Killed(home, owner_token())
    yield killed
    killed.end()
    secrets.forget_key()
    close_database()


@pytest.mark.timeout(3600)
def test_a_write_happens_once_wherever_the_server_is_killed(server: Killed) -> None:
    chosen = pairs()
    server.start("never")
    undisturbed: dict[str, list[int]] = {}
    for write in {pair[0].name: pair[0] for pair in chosen}.values():
        one_webhook()
        path, before = target(write), counts()
        answer = server.send(write, path, f"undisturbed-{write.name}")
        assert answer.status_code in (201, 202), f"{write.name}: {answer.text}"
        undisturbed[write.name] = [now - then for then, now in zip(before, counts(), strict=True)]
        assert sum(undisturbed[write.name]) > 0
    server.stop()
    for number, (write, moment) in enumerate(chosen):
        one_webhook()
        path, key, before = target(write), f"key-{number}", counts()
        server.kills = 0
        server.start(moment)
        with server.watched(), ThreadPoolExecutor(2) as clients:
            at_once = 2 if moment == "waited for" else 1
            answers = list(
                clients.map(lambda _, w=write, p=path, k=key: server.send(w, p, k), range(at_once))
            )
            answers.append(server.send(write, path, key))
        server.stop()
        where = f"{write.name}, killed {moment}"
        assert server.kills == 1, where
        assert {each.status_code for each in answers} <= {201, 202}, f"{where}: {[a.text for a in answers]}"
        assert all(each.json() == answers[0].json() for each in answers), where
        happened = [now - then for then, now in zip(before, counts(), strict=True)]
        assert happened == undisturbed[write.name], where
