"""The API over a real socket, on a site of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from engine.actions import clients, tokens
from engine.audit import Actor
from engine.checked import checked
from engine.clock import now_ms
from engine.forms import ClientForm
from engine.roles import Role
from engine.store.models import Product, Server, Service, Vm
from kvmtui.api.serving import ApiServer
from kvmtui.api.settings import ApiSettings
from tests.conftest import Store

ADMIN = Actor("admin", source="cli")


@dataclass
class Api:
    """A running server and a client of it."""

    server: ApiServer
    http: httpx.Client
    token: str

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def ok(self, method: str, path: str, status: int = 202, **options: Any) -> Any:
        """The document of an answer that must have this status."""
        answer = self.http.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def problem(self, method: str, path: str, status: int, **options: Any) -> dict[str, Any]:
        """The problem of an answer that must have this status."""
        answer = self.http.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        found: dict[str, Any] = answer.json()
        assert found["status"] == status and found["title"] and found["detail"]
        return found


@pytest.fixture
def serve(sqlite_store: Store) -> Iterator[Callable[..., Api]]:
    """Starts servers on the open site."""
    started: list[Api] = []

    def start(token: str = "", **settings: Any) -> Api:
        server = ApiServer(checked(ApiSettings, settings), "127.0.0.1:0")
        server.start()
        token = token or owner_token()
        http = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
            verify=False,  # plain HTTP: no certificates are read
        )
        started.append(Api(server, http, token))
        return started[-1]

    yield start
    for each in started:
        each.http.close()
        assert each.server.stop()


@pytest.fixture
def api(serve: Callable[..., Api]) -> Api:
    """A server with the settings of a fresh installation, and the token of an owner."""
    return serve()


def owner_token() -> str:
    """The secret of a new token that may do everything."""
    return token("owner", Role.OWNER)


def token(name: str, role: Role, clients: tuple[str, ...] = (), products: tuple[str, ...] = ()) -> str:
    """The secret of a new token."""
    return tokens.create(ADMIN, f"{name}-{uuid.uuid4().hex[:8]}", role, clients, products).secret


SPEC: dict[str, Any] = {"template": 9002, "snapshots": 3, "backups": 2, "backup_storage": "backup"}


def site() -> None:
    """A server, two products and a client; nothing of it is real."""
    server = Server.create(
        uid=str(uuid.uuid4()), name="pve1", hosts=["127.0.0.1"], port=9, tls={"insecure": True}
    )
    for name in ("VPS-2", "VPS-4"):
        Product.create(name=name, server=server, spec=SPEC)
    clients.create_client(ClientForm(name="Acme", email="ops@acme.example"), ADMIN)


def make_ready(service_id: int) -> None:
    """Let a service stand as after its deploy, without an engine."""
    from engine.store.models import Request

    Request.update(state="done", ended_at=now_ms()).where(Request.service == service_id).execute()
    Service.update(status="Active").where(Service.id == service_id).execute()
    Vm.update(vm_status="ready", due_at=None, name=f"vm-{service_id}", vmid=2000 + service_id).where(
        Vm.service == service_id
    ).execute()
