"""Shops before an API of a site of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.store.models import Request, Service, Vm
from tests.api.conftest import Api, make_ready, serve, site
from tests.contrib.hosts import PASSWORD, Host, Proxy, hosting, php, proxied, whmcs_params

__all__ = ["serve"]


@dataclass
class Desk:
    """A WHMCS whose calls go through a proxy to an API that serves a site without an engine."""

    api: Api
    proxy: Proxy
    host: Host

    def call(self, name: str, service: int = 12, **more: Any) -> Any:
        """What a function of the module answers for a service."""
        given = {
            key: more.pop(key) for key in ("admin", "language", "post", "tenant", "names") if key in more
        }
        parameters = whmcs_params(self.proxy.port, self.api.token, service, **more)
        return self.host.call(name, params=parameters, **given)

    def services(self) -> list[dict[str, Any]]:
        """What kvmtui has."""
        items: list[dict[str, Any]] = self.api.ok("GET", "/api/v1/services", 200)["items"]
        return items

    def row(self, service: int = 12) -> dict[str, Any]:
        """The row of a service in the database of WHMCS."""
        rows: list[dict[str, Any]] = self.host.tables["tblhosting"]
        return next(each for each in rows if each["id"] == service)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Starts shops; at the end nothing they kept may hold a secret."""
    php()
    made: list[Host] = []

    def start(name: str, token: str, tables: dict[str, Any] | None = None) -> Host:
        folder = tmp_path / f"{name}-{len(made)}"
        folder.mkdir()
        state = folder / "state.json"
        state.write_text(json.dumps(tables or {}))
        made.append(Host(name, state, (token, PASSWORD)))
        return made[-1]

    yield start
    for each in made:
        each.stop()


@pytest.fixture
def front(serve: Callable[..., Api]) -> Iterator[tuple[Api, Proxy]]:
    """A site's API, and a proxy before it."""
    api = serve()
    site()
    with proxied(api.server.url) as proxy:
        yield api, proxy


@pytest.fixture
def desk(front: tuple[Api, Proxy], shop: Callable[..., Host]) -> Desk:
    """A WHMCS with two services that were not ordered yet."""
    api, proxy = front
    return Desk(api, proxy, shop("whmcs", api.token, hosting(12, 13)))


def ordered(desk: Desk) -> int:
    """Order a service and let it stand as after its deploy; its number in kvmtui."""
    assert desk.call("CreateAccount") == "success"
    number = int(desk.services()[0]["id"])
    make_ready(number)
    return number


def ended(number: int, status: str, vm_status: str = "ready") -> None:
    """Let every request of a service have ended, and the service stand so."""
    Request.update(state="done").where(Request.service == number).execute()
    Service.update(status=status).where(Service.id == number).execute()
    Vm.update(vm_status=vm_status).where(Vm.service == number).execute()
