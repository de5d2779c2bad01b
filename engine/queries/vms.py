"""VMs as values, as lists and scripts read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from engine.clock import Moment, now_ms
from engine.store.database import session
from engine.store.models import Address, Client, Product, Run, Server, Service, Vm

Row = dict[str, Any]
_AT_ONCE = 500  # addresses and runs are read for this many VMs per query


@dataclass(frozen=True, slots=True)
class IpView:
    """An address of a VM."""

    address: str
    prefix: int
    gateway: str
    pool_id: int | None
    rdns: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last pass of a pipeline over a VM."""

    id: int
    action: str
    result: str
    started: Moment
    finished: Moment | None
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class VmView:
    """A VM as lists show it."""

    id: int
    service_id: int
    client: str
    product: str
    server: str
    vmid: int | None
    name: str
    fqdn: str
    node: str
    vm_status: str
    service_status: str
    remote_status: str
    remote_lock: str
    mac: str
    error: str
    error_since: Moment | None
    waiting: str
    waiting_since: Moment | None
    ips: list[IpView] = field(default_factory=list)
    last_run: LastRun | None = None


def vms(ids: Sequence[int] | None = None) -> list[VmView]:
    """Every VM, or those of these ids, by service id."""
    with session():
        query = (
            Vm.select(*_COLUMNS)
            .join_from(Vm, Service)
            .join_from(Service, Client)
            .join_from(Service, Product)
            .join_from(Vm, Server)
            .order_by(Vm.service)
        )
        if ids is not None:
            query = query.where(Vm.id.in_(list(ids)))
        rows: list[Row] = [_named(dict(row)) for row in query.dicts()]
        addresses, runs = _addresses(rows), _last_runs(rows)
        return [VmView(**row, ips=addresses[row["id"]], last_run=runs.get(row["id"])) for row in rows]


def vms_of(services: Sequence[int]) -> list[VmView]:
    """The VMs of these services."""
    with session():
        rows = Vm.select(Vm.id).where(Vm.service.in_(list(services)))
        return vms([row_id for (row_id,) in rows.tuples()])


# the plans, which are most of a row, stay in the database: a list shows none of them
_COLUMNS = (
    *(Vm.id, Vm.service.alias("service_id"), Client.name.alias("client"), Product.name.alias("product")),
    *(Server.name.alias("server"), Vm.vmid, Vm.name, Vm.domain, Vm.node, Vm.vm_status),
    *(Service.status.alias("service_status"), Vm.remote_status, Vm.remote_lock, Vm.mac),
    *(Vm.error, Vm.error_since, Vm.wait_why.alias("waiting"), Vm.waiting_since),
)
_OF_ADDRESS = (
    *(Address.vm, Address.state, Address.address, Address.prefix),
    *(Address.gateway, Address.pool, Address.rdns),
)
_OF_RUN = (Run.id, Run.vm, Run.action, Run.result, Run.started_at, Run.finished_at, Run.error)


def _named(row: Row) -> Row:
    """The row with its full name in place of the domain."""
    name, domain = row["name"], row.pop("domain")
    return {**row, "fqdn": f"{name}.{domain}" if name and domain else name}


def _slices(rows: Sequence[Row]) -> list[list[int]]:
    ids = [row["id"] for row in rows]
    return [ids[place : place + _AT_ONCE] for place in range(0, len(ids), _AT_ONCE)]


def _addresses(rows: Sequence[Row]) -> dict[int, list[IpView]]:
    """The addresses of each VM in their order; without a name of its own one has the VM's."""
    names = {row["id"]: row["fqdn"] for row in rows}
    found: dict[int, list[IpView]] = defaultdict(list)
    for ids in _slices(rows):
        # filtered by VM alone: with the state in the query, SQLite reads every assigned address
        query = Address.select(*_OF_ADDRESS).where(Address.vm.in_(ids)).order_by(Address.vm, Address.position)
        for vm_id, state, address, prefix, gateway, pool_id, rdns in query.tuples():
            if state == "assigned":
                found[vm_id].append(IpView(str(address), prefix, gateway, pool_id, rdns or names[vm_id]))
    return found


def _last_runs(rows: Sequence[Row]) -> dict[int, LastRun]:
    found: dict[int, LastRun] = {}
    for ids in _slices(rows):
        newest = Run.select(fn.MAX(Run.id)).where(Run.vm.in_(ids)).group_by(Run.vm)
        for row in Run.select(*_OF_RUN).where(Run.id.in_(newest)):
            found[row.vm_id] = run_view(row)
    return found


def run_view(row: Run) -> LastRun:
    """A run as lists show it; of one that is running, the seconds so far."""
    end = row.finished_at if row.finished_at is not None else now_ms()
    seconds = round((end - row.started_at) / 1000, 3)
    return LastRun(row.id, row.action, row.result, row.started_at, row.finished_at, seconds, row.error)
