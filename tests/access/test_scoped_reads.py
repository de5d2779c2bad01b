"""A limited actor's answers do not depend on what is outside: with it and without it, every answer is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from engine.actions import clients as client_actions
from engine.actions import notes, packages, services, vms
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.forms import ClientForm, ServiceForm, checked
from engine.queries import inventory, refs, requests, scoping, service_list, traffic, vm_list
from engine.queries.events import ScopedFollower
from engine.queries.service_list import ServiceQuestion
from engine.queries.vm_list import VmQuestion
from engine.roles import Role
from engine.scope import EVERYTHING, Scope
from engine.store.database import transaction
from engine.store.models import Client, Event, Product, Request, Server, Service, Traffic, Vm
from kvmtui.terminal.output import plain
from tests import seeds
from tests.conftest import Store

WORDS = ("web", "mail", "shop", "acme", "beta")
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Wanted:
    """A service to make: client and product by position, states, and how many requests it has."""

    client: int
    product: int
    status: str
    vm_status: str
    word: str
    requests: int


@dataclass
class Reseller:
    """One side of the site: its rows, by id."""

    clients: list[int] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    services: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    vmids: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)


SERVICES = st.lists(
    st.builds(
        Wanted,
        client=st.integers(0, 1),
        product=st.integers(0, 1),
        status=st.sampled_from(["Active", "Suspended", "Pending", "Terminated"]),
        vm_status=st.sampled_from(["ready", "set_ip", "remove", "error_terminate"]),
        word=st.sampled_from(WORDS),
        requests=st.integers(0, 2),
    ),
    max_size=4,
)


@settings(
    max_examples=seeds.examples(12),
    deadline=None,
    phases=(Phase.generate,),  # a smaller site is no easier to read, and takes minutes to find
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    mine=SERVICES, theirs=SERVICES, kind=st.sampled_from(["clients", "products", "both"]), swap=st.booleans()
)
def test_no_response_reveals_what_is_out_of_scope(
    store: Store, mine: list[Wanted], theirs: list[Wanted], kind: str, swap: bool
) -> None:
    with _undone():
        server = Server.create(uid="s", name="pve", hosts=["10.0.0.1"])
        made = [_reseller(server, side, some) for side, some in (("a", mine), ("b", theirs))]
        own, other = reversed(made) if swap else made
        scope = Scope(
            frozenset(own.clients) if kind != "products" else None,
            frozenset(own.products) if kind != "clients" else None,
        )
        questions = _questions(scope, own, other)
        with_them = {name: _answer(question) for name, question in questions.items()}
        assert len(_answer(_questions(EVERYTHING, own, other)["clients"])) == 4
        _delete(other, keep_products=kind == "clients")
        without_them = {name: _answer(question) for name, question in questions.items()}
        assert with_them == without_them
        services_seen = {each["id"] for each in with_them["services"] if each != "nothing"}
        assert services_seen == set(own.services)


class _Undo(Exception):
    pass


@contextmanager
def _undone() -> Iterator[None]:
    with suppress(_Undo), transaction():
        yield
        raise _Undo


def _reseller(server: Server, side: str, wanted: list[Wanted]) -> Reseller:
    made, base = Reseller(), 100 if side == "a" else 900
    for number in range(2):
        name = f"{WORDS[number]} {side}"
        made.clients.append(Client.create(id=base + number, name=name, email=f"{number}@{side}.example").id)
        spec = {"cores": 1, "memory": 1024}
        made.products.append(
            Product.create(id=base + number, name=f"plan {side}{number}", server=server, spec=spec).id
        )
    for number, each in enumerate(wanted):
        service = base + number
        Service.create(
            id=service,
            client=made.clients[each.client],
            product=made.products[each.product],
            status=each.status,
            force_insert=True,
        )
        name = f"{each.word}-{service}"
        vm = Vm.create(
            uid=name,
            service=service,
            server=server,
            vm_status=each.vm_status,
            name=name,
            vmid=1000 + service,
            node="n1",
        )
        Traffic.create(
            service=service, vm=vm.id, hour=now_ms() // HOUR_MS * HOUR_MS, bytes_in=service, bytes_out=1
        )
        Event.create(at=1, kind="vm", level="info", vm=vm.id, service=service, text=name, data={})
        made.services.append(service)
        made.names.append(name)
        made.vmids.append(1000 + service)
        for _ in range(each.requests):
            row = Request.create(
                vm=vm.id,
                service=service,
                pipeline="Start",
                action="Start",
                login="x",
                state="done",
                ended_at=1,
            )
            made.requests.append(row.id)
    Event.create(at=1, kind="change", level="info", text="", data={"kind": "client", "name": f"acme {side}"})
    return made


def _delete(other: Reseller, keep_products: bool) -> None:
    for table, column in ((Event, Event.service), (Request, Request.service), (Traffic, Traffic.service)):
        table.delete().where(column.in_(other.services)).execute()
    Event.delete().where(Event.service.is_null()).execute()
    Vm.delete().where(Vm.service.in_(other.services)).execute()
    Service.delete().where(Service.id.in_(other.services)).execute()
    Client.delete().where(Client.id.in_(other.clients)).execute()
    if not keep_products:
        Product.delete().where(Product.id.in_(other.products)).execute()


def _answer(question: Callable[[], Any]) -> Any:
    try:
        return plain(question()) or ["nothing"]
    except Refused as refused:
        return [type(refused).__name__, refused.sentence]


def _questions(scope: Scope, own: Reseller, other: Reseller) -> dict[str, Callable[[], Any]]:
    """Every query that takes a scope, about everything and about each thing of either side; and refused changes."""
    actor = Actor("token:shop", source="api", role=Role.OPERATOR, scope=scope)
    found: dict[str, Callable[[], Any]] = {
        "counts": lambda: vm_list.counts(scope),
        "services": lambda: inventory.services(scope=scope),
        "products": lambda: inventory.products(scope),
        "clients": lambda: inventory.clients(scope),
        "usage": lambda: traffic.months(None, scope=scope),
        "events": lambda: ScopedFollower(scope, after=0).read(),
    }
    texts = ["", *WORDS, "9", "1", "plan", "pve", "is:suspended", "client:acme", "Active", *other.names]
    for text in texts:
        for sort in ("id", "client"):
            asked = VmQuestion(text=text, sort=sort)
            found[f"vms {text} {sort}"] = lambda q=asked: (
                vm_list.count(q, scope),
                vm_list.page(q, 0, 100, scope),
            )
        wanted = ServiceQuestion(text=text if ":" not in text else "")
        found[f"services {text}"] = lambda q=wanted: (
            service_list.count(q, scope),
            service_list.page(q, 0, 100, scope),
        )
    for number in (*own.services, *other.services, 5):
        found |= {
            f"ref {number}": lambda n=number: refs.service_ref(str(n), scope),
            f"service {number}": lambda n=number: inventory.services(n, scope),
            f"usage {number}": lambda n=number: traffic.months(n, scope=scope),
            f"vm place {number}": lambda n=number: [vm_list.position(VmQuestion(), n, scope)],
            f"vm place by name {number}": lambda n=number: [
                vm_list.position(VmQuestion(sort="vm"), n, scope)
            ],
            f"service place {number}": lambda n=number: [service_list.position(ServiceQuestion(), n, scope)],
            f"inside {number}": lambda n=number: scoping.need_service(scope, n),
        }
    for name in (
        *own.names,
        *other.names,
        *(f"vmid:{each}" for each in (*own.vmids, *other.vmids)),
        "web-9000",
    ):
        found[f"ref {name}"] = lambda n=name: refs.vm_ref(n, scope)
    for number in (*own.requests, *other.requests, 10_000):
        found[f"request {number}"] = lambda n=number: requests.request(n, scope)
    for side in "ab":
        for text in (f"web {side}", f"wep {side}", f"0@{side}.example", "100", "900"):
            found |= {
                f"client {text}": lambda t=text: refs.client_ref(t, scope),
                f"client values {text}": lambda t=text: inventory.client_values(t, scope),
            }
        for text in (f"plan {side}0", f"plam {side}0"):
            found[f"product {text}"] = lambda t=text: inventory.product_values(t, scope)
    if scope.limited:
        found |= _refused(actor, other)
    return found


def _refused(actor: Actor, other: Reseller) -> dict[str, Callable[[], Any]]:
    """Changes to what is outside: each is refused as if it did not exist."""
    name = {100: "a", 900: "b"}[other.clients[0]]
    order = checked(ServiceForm, {"client": f"web {name}", "product": f"plan {name}0"})
    client = checked(ClientForm, {"name": f"web {name}", "email": "x@y.example"})
    found: dict[str, Callable[[], Any]] = {
        "order": lambda: services.create_service(order, actor),
        "client by name": lambda: client_actions.put_client(client, actor),
        "client by id": lambda: client_actions.put_client(client, actor, other.clients[0]),
        "client notes": lambda: notes.set_client_notes(actor, f"web {name}", "x"),
    }
    for number in (*other.services, 5):
        found |= {
            f"suspend {number}": lambda n=number: packages.suspend(actor, n),
            f"start {number}": lambda n=number: vms.power(actor, n, "start"),
            f"notes {number}": lambda n=number: notes.set_notes(actor, n, "x"),
            f"change {number}": lambda n=number: services.request_change([n], actor),
            f"plans {number}": lambda n=number: packages.plans(n, scope=actor.scope),
        }
    return found
