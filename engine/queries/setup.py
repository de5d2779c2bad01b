"""How far a site is set up: what there is of everything a first VM needs. Asks the database only."""

from __future__ import annotations

from dataclasses import dataclass

from engine.queries.pools import PoolView
from engine.queries.pools import pools as pools_of
from engine.store import settings
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service, Vm, Zone


@dataclass(frozen=True, slots=True)
class FirstVm:
    """The first VM, its progress, and why it does not continue."""

    service: int
    name: str = ""
    status: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What there is; of several servers, the one that was added first."""

    server: str = ""
    hosts: tuple[str, ...] = ()
    login: str = ""
    answered: bool = False
    """Whether every check of the server came out well once."""
    pools: tuple[PoolView, ...] = ()
    zones: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    vm: FirstVm | None = None
    """The VM of the server's first service."""
    mails: bool = False
    """Whether mail can be sent."""


def set_up() -> SetUp:
    """What there is of everything a first VM needs."""
    with session():
        server = Server.select().order_by(Server.id).first()
        if server is None:
            return SetUp(mails=_mails())
        products = Product.select().where(Product.server == server.id).order_by(Product.id)
        names = {row.id: row.name for row in products}
        return SetUp(
            server=server.name,
            hosts=tuple(server.hosts),
            login=server.token_id or server.user,
            answered=server.last_ok_at is not None,
            pools=tuple(pools_of(server.name)),
            zones=tuple(row.name for row in Zone.select().order_by(Zone.id)),
            products=tuple(names.values()),
            clients=tuple(row.name for row in Client.select().order_by(Client.name)),
            vm=_first_vm(list(names)),
            mails=_mails(),
        )


def _first_vm(products: list[int]) -> FirstVm | None:
    service = Service.select().where(Service.product.in_(products)).order_by(Service.id).first()
    if service is None:
        return None
    vm = Vm.get_or_none(Vm.service == service.id)
    return FirstVm(service.id) if vm is None else FirstVm(service.id, vm.name, vm.vm_status, vm.error)


def _mails() -> bool:
    return bool(settings.read(settings.Smtp).host)
