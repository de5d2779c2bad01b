"""A site whose service has a traffic quota, on the simulated cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.audit import Actor
from engine.store.database import session
from engine.store.models import Service, Vm
from engine.webhooks import recording
from engine.work import events
from kvmtui.lab import Lab
from tests.conftest import Store
from tests.pipelines.conftest import Site, make_site
from tests.traffic.shop import Shop, at

NOV, DEC, JAN = at(2026, 11, 10, 12), at(2026, 12, 10, 12), at(2027, 1, 10, 12)
ME = Actor("anna", "192.0.2.7", "cli")
SHOP = Actor("token:shop", "", "api")
PLAIN: dict[str, Any] = {"additional_disk": {"storage": "local-lvm", "size": 0}, "traffic_gib": 100}
THROTTLE = {**PLAIN, "traffic_action": "throttle", "traffic_throttle_mbs": 3}
SUSPEND = {**PLAIN, "traffic_action": "suspend"}


@pytest.fixture(autouse=True)
def _recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "_hooks", [])
    recording.use()


@pytest.fixture
def site(sqlite_store: Store) -> Iterator[Site]:
    """A site on a cluster whose time is ours and whose tasks take none."""
    with Lab(nodes=2, speed=0) as lab:
        yield from make_site(lab)


def opened(site: Site, **spec: Any) -> Shop:
    """A deployed service with this quota."""
    return Shop.open(site.walk(site.service(site.product(**spec), status="Active")))


def work(site: Site, shop: Shop) -> Vm:
    """Walk the VM through everything that is queued."""
    return site.walk(shop.vm)


def rate(site: Site, shop: Shop) -> str:
    """The rate of the card as the cluster has it; empty when there is no limit."""
    card = str(site.guest(shop.vm).config["net0"])
    return next((part.removeprefix("rate=") for part in card.split(",") if part.startswith("rate=")), "")


def status(shop: Shop) -> str:
    with session():
        return str(Service.get_by_id(shop.service).status)


def hold(shop: Shop) -> str:
    row = shop.row()
    return row.hold if row is not None else ""
