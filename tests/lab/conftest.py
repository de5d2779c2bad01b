"""A lab per test and a plain HTTP client that hides nothing: status, reason phrase and body as they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from kvmtui.lab import Lab

# Proxmox names most parameters with a dash, these with an underscore
_UNDERSCORED = frozenset({"background_delay", "policy_in", "policy_out", "log_level_in", "log_level_out"})


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    reason: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def data(self) -> Any:
        assert self.status == 200, (self.status, self.reason, self.body)
        return self.body["data"]

    @property
    def errors(self) -> dict[str, str]:
        return self.body.get("errors", {})


class Client:
    """Calls one lab with its token."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = lab.ca_file
        self.session.headers["Authorization"] = f"PVEAPIToken={lab.token_id}={lab.token_secret}"

    def __call__(self, method: str, path: str, timeout: float = 20, **params: Any) -> Answer:
        where = "params" if method in ("GET", "DELETE") else "data"
        sent = {name if name in _UNDERSCORED else name.replace("_", "-"): v for name, v in params.items()}
        done = self.session.request(
            method, f"{self.lab.url}/api2/json{path}", timeout=timeout, **{where: sent}
        )
        body = done.json() if done.content else {}
        return Answer(done.status_code, done.reason, body, dict(done.headers))

    def get(self, path: str, **params: Any) -> Any:
        """The data of a GET that must succeed."""
        return self("GET", path, **params).data

    def run(self, method: str, path: str, **params: Any) -> str:
        """Start a task that must be accepted and wait for its end; gives how it ended."""
        return self.ended(self(method, path, **params).data)

    def ended(self, upid: str) -> str:
        """How a task ended, once it has."""
        path = f"/nodes/{upid.split(':')[1]}/tasks/{upid}/status"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.get(path)
            if status["status"] == "stopped":
                return str(status["exitstatus"])
        raise AssertionError(f"{upid} did not end")

    def log(self, upid: str) -> str:
        """The whole log of a task."""
        path = f"/nodes/{upid.split(':')[1]}/tasks/{upid}/log"
        return "\n".join(line["t"] for line in self.get(path, limit=500))

    def clone(self, newid: int, source: int = 9000, **params: Any) -> int:
        """A clone that must succeed."""
        assert self.run("POST", f"/nodes/pve1/qemu/{source}/clone", newid=newid, **params) == "OK"
        return newid

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """Starts labs as asked and stops them all at the end."""
    clients: list[Client] = []

    def run(**options: Any) -> Client:
        lab = Lab(**{"speed": 0, **options})
        lab.start()
        clients.append(Client(lab))
        return clients[-1]

    yield run
    for client in clients:
        client.close()
        client.lab.stop()


@pytest.fixture
def call(start: Callable[..., Client]) -> Client:
    """A client of a fresh lab in which nothing takes time."""
    return start()


@pytest.fixture
def slow(start: Callable[..., Client]) -> Client:
    """A client of a fresh lab whose time stands still until it is pushed."""
    return start(paused=True)


@pytest.fixture
def lab(call: Client) -> Lab:
    """The lab behind `call`."""
    return call.lab
