"""The services that have used up their traffic quota."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.clock import Moment
from engine.store.models import Client, Product, Service, TrafficQuota, Vm


@dataclass(frozen=True, slots=True)
class OverQuota:
    """A service that has used up its traffic quota."""

    service_id: int
    name: str
    client: str
    since: Moment
    suspended: bool
    throttled: bool


def over_quota() -> Iterator[OverQuota]:
    """The services that have used up their quota, the longest first; call it inside a session."""
    query: Any = (
        TrafficQuota.select(TrafficQuota, Service, Client, Product, Vm)
        .join_from(TrafficQuota, Service)
        .join_from(Service, Client)
        .join_from(Service, Product)
        .join_from(Service, Vm, attr="deployed")
        .where(TrafficQuota.state == "exceeded", Service.status.not_in(("Terminated", "Cancelled")))
        .order_by(TrafficQuota.since, TrafficQuota.service)
    )
    for row in query:
        service = row.service
        yield OverQuota(
            service.id,
            service.deployed.name or f"service {service.id}",
            service.client.name,
            row.since,
            row.hold in ("due", "on"),
            row.throttle_mbs > 0,
        )
