"""What an operator set up, as values: servers, zones, products, clients, services, by name and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peewee import JOIN, fn

from engine.actions.clients import CLIENTS
from engine.actions.lookup import found
from engine.actions.products import PRODUCTS
from engine.actions.servers import SERVERS
from engine.actions.zones import ZONES
from engine.clock import Moment
from engine.dns.names import is_reverse
from engine.plan import Plan, differences, effective
from engine.queries.keyset import revision
from engine.queries.scoping import client_condition, inside, product_condition, service_condition
from engine.scope import EVERYTHING, Scope
from engine.store.compiled import Compiled
from engine.store.database import session
from engine.store.models import Client, DnsRecord, Pool, Product, Server, Service, Vm, Zone
from engine.work.servers import GIVE_UP_AFTER

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ServerView:
    """A cluster as lists show it; secrets read `__KEEP__` when they are stored."""

    id: int
    name: str
    state: str
    hosts: list[str]
    port: int
    token_id: str
    user: str
    tls: dict[str, Any]
    limits: dict[str, int]
    assigned_ips: str
    version: str
    failures: int
    last_ok: Moment | None
    last_error: str
    next_probe: Moment | None
    """While the server does not answer: when it is asked again."""
    pools: int
    products: int
    vms: int


@dataclass(frozen=True, slots=True)
class ZoneView:
    """A DNS zone as lists show it."""

    id: int
    zone: str
    type: str
    endpoint: str
    reverse: bool
    ttl: int
    config: dict[str, Any]
    last_ok: Moment | None
    last_error: str
    records: int
    """How many records in it are ours, or pending."""


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product as lists show it."""

    id: int
    name: str
    server: str
    services: int
    spec: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ClientView:
    """A client as lists show it."""

    id: int
    name: str
    email: str
    language: str
    services: int
    notes: str
    revision: str = ""
    """Changes with the content; the HTTP API's ETag."""


@dataclass(frozen=True, slots=True)
class ProductChange:
    """What change-package would alter."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service as lists show it. `pending` is what the VM does not have yet."""

    id: int
    client: str
    product: str
    server: str
    status: str
    options: dict[str, Any]
    vm: str
    vmid: int | None
    vm_status: str | None
    created: Moment
    pending: list[ProductChange] = field(default_factory=list)
    external_ref: str = ""
    """The order's number in a billing system."""
    revision: str = ""
    """Changes with the content; the HTTP API's ETag."""


def servers() -> list[ServerView]:
    """Every server, by name."""
    with session():
        pools, products, vms = (_counts(table, "server") for table in (Pool, Product, Vm))
        return [
            _server(row, pools.get(row.id, 0), products.get(row.id, 0), vms.get(row.id, 0))
            for row in Server.select().order_by(Server.name)
        ]


def _counts(table: Any, owner: str, condition: Any = None) -> dict[int, int]:
    """How many rows of the table each owner has."""
    column = getattr(table, owner)
    return dict(inside(table.select(column, fn.COUNT(table.id)), condition).group_by(column).tuples())


def _server(row: Server, pools: int, products: int, vms: int) -> ServerView:
    values = SERVERS.values(row)
    return ServerView(
        id=row.id,
        name=row.name,
        state=row.state,
        hosts=row.hosts,
        port=row.port,
        token_id=row.token_id,
        user=row.user,
        tls=row.tls,
        limits=values["limits"],
        assigned_ips=row.assigned_ips,
        version=row.version,
        failures=row.failures,
        last_ok=row.last_ok_at,
        last_error=row.last_error,
        next_probe=row.probe_at if row.failures >= GIVE_UP_AFTER else None,
        pools=pools,
        products=products,
        vms=vms,
    )


def zones() -> list[ZoneView]:
    """Every zone, by name."""
    with session():
        records = _counts(DnsRecord, "zone")
        return [
            ZoneView(
                row.id,
                row.name,
                row.type,
                row.endpoint,
                is_reverse(row.name),
                row.ttl,
                row.config,
                row.last_ok_at,
                row.last_error,
                records.get(row.id, 0),
            )
            for row in Zone.select().order_by(Zone.name, Zone.type, Zone.endpoint)
        ]


def products(scope: Scope = EVERYTHING) -> list[ProductView]:
    """Every product inside a scope, by name; only services inside are counted."""
    with session():
        counts = _counts(Service, "product", service_condition(scope))
        every = Product.select(Product, Server).join(Server).order_by(Product.name)
        rows = inside(every, product_condition(scope))
        return [
            ProductView(row.id, row.name, row.server.name, counts.get(row.id, 0), row.spec) for row in rows
        ]


def client_view(row: Client, services: int) -> ClientView:
    """A client's row with the number of its services."""
    etag = revision(row.name, row.email, row.language, row.notes)
    return ClientView(row.id, row.name, row.email, row.language, services, row.notes, etag)


def clients(scope: Scope = EVERYTHING) -> list[ClientView]:
    """Every client, by name."""
    with session():
        counts = _counts(Service, "client", service_condition(scope))
        return [
            client_view(row, counts.get(row.id, 0))
            for row in inside(Client.select().order_by(Client.name), client_condition(scope))
        ]


def services(service_id: int | None = None, scope: Scope = EVERYTHING) -> list[ServiceView]:
    """Every service, or the one of that id, by id."""
    with session():
        return list(_services(None if service_id is None else [service_id], scope))


def services_in(ids: Sequence[int]) -> list[ServiceView]:
    """The services of these ids, by id; ids that are gone are left out."""
    with session():
        return list(_services(ids))


def service_and_notes(service_id: int) -> tuple[ServiceView, str] | None:
    """One service with the notes about it; None when there is none of this id."""
    with session():
        row = _ONE_SERVICE.first(service_id)
        return None if row is None else (_service(row, {}), row.notes)


class _ServiceRow(NamedTuple):
    """What is read of a service, in the order of `_SERVICE_COLUMNS`."""

    id: int
    client_id: int
    product_id: int
    status: str
    options: dict[str, Any]
    external_ref: str
    notes: str
    created_at: Moment
    client: str
    product: str
    spec: dict[str, Any]
    server: str
    vm: str | None
    vmid: int | None
    vm_status: str | None
    plan: dict[str, Any] | None


_SERVICE_COLUMNS = (
    *(Service.id, Service.client, Service.product, Service.status, Service.options, Service.external_ref),
    *(Service.notes, Service.created_at, Client.name, Product.name, Product.spec, Server.name),
    *(Vm.name, Vm.vmid, Vm.vm_status, Vm.plan),
)


def _service_rows() -> Any:
    return (
        Service.select(*_SERVICE_COLUMNS)
        .join_from(Service, Client)
        .join_from(Service, Product)
        .join_from(Product, Server)
        .join_from(Service, Vm, JOIN.LEFT_OUTER, attr="deployed")
        .tuples()
    )


_ONE_SERVICE = Compiled[_ServiceRow](
    lambda number: _service_rows().where(Service.id == number), 1, _ServiceRow._make
)


def _services(ids: Sequence[int] | None, scope: Scope = EVERYTHING) -> Iterator[ServiceView]:
    query = _service_rows().order_by(Service.id)
    if ids is not None:
        query = query.where(Service.id.in_(list(ids)))
    plans: dict[int, tuple[Plan, dict[str, Any]]] = {}
    for row in inside(query, service_condition(scope)):
        yield _service(_ServiceRow._make(row), plans)


def _service(row: _ServiceRow, plans: dict[int, tuple[Plan, dict[str, Any]]]) -> ServiceView:
    return ServiceView(
        id=row.id,
        client=row.client,
        product=row.product,
        server=row.server,
        status=row.status,
        options=row.options,
        vm=row.vm or "",
        vmid=row.vmid,
        vm_status=row.vm_status,
        created=row.created_at,
        pending=_pending(row, plans),
        external_ref=row.external_ref,
        revision=revision(
            row.client_id, row.product_id, row.status, row.options, row.external_ref, row.notes
        ),
    )


def _pending(row: _ServiceRow, plans: dict[int, tuple[Plan, dict[str, Any]]]) -> list[ProductChange]:
    """Empty during the first deploy and after removal: there is no plan to compare with.

    `plans` keeps the plans of products from one row to the next.
    """
    if not row.plan or row.status in ("Terminated", "Cancelled"):
        return []
    if row.product_id not in plans:
        plan = effective(row.spec, {})
        plans[row.product_id] = plan, plan.as_dict()
    wanted, as_dict = plans[row.product_id]
    if not row.options and row.plan == as_dict:
        return []
    if row.options:
        wanted = effective(row.spec, row.options)
    return [
        ProductChange(each.field, each.old, each.new)
        for each in differences(Plan.from_dict(row.plan), wanted)
    ]


def pending_among(ids: Sequence[int]) -> list[ServiceView]:
    """Those of these services whose VMs do not have all their plan says."""
    with session():
        slices = [ids[place : place + _AT_ONCE] for place in range(0, len(ids), _AT_ONCE)]
        return [view for part in slices for view in _services(part) if view.pending]


def services_of_products(product_ids: Sequence[int]) -> list[int]:
    """The ids of the services that have one of these products."""
    with session():
        return [row.id for row in Service.select(Service.id).where(Service.product.in_(list(product_ids)))]


def server_values(name: str) -> dict[str, Any]:
    """A server as its form reads, secrets as `__KEEP__`."""
    with session():
        return SERVERS.values(found(Server, Server.name == name, f"server '{name}'"))


def zone_values(zone_id: int) -> dict[str, Any]:
    """A zone as its form reads, secrets as `__KEEP__`."""
    with session():
        return ZONES.values(found(Zone, Zone.id == zone_id, f"zone {zone_id}"))


def product_values(name: str, scope: Scope = EVERYTHING) -> dict[str, Any]:
    """A product as its form reads."""
    with session():
        return PRODUCTS.values(
            found(Product, Product.name == name, f"product '{name}'", product_condition(scope))
        )


def client_values(name: str, scope: Scope = EVERYTHING) -> dict[str, Any]:
    """A client as the form reads."""
    with session():
        return CLIENTS.values(found(Client, Client.name == name, f"client '{name}'", client_condition(scope)))
