"""Services: make, change, delete. A new one starts deploying; a changed one waits for change-package.

`put_services` takes any number at once and reads and writes in batches, so that a manifest of 20,000 takes
seconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from engine import audit
from engine.actions.lookup import found
from engine.actions.permission import Needs, needs, require
from engine.actions.repository import Difference, PutResult, record, refuse_users, remove
from engine.actions.requests import enqueue
from engine.actions.traffic_quota import look_soon
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import NotFound, Refused
from engine.forms.service import OptionsForm, ServiceForm
from engine.mail.outbox import queue_welcomes
from engine.nearest import nearest
from engine.plan import AT_ONCE, effective
from engine.queries.scoping import client_condition, inside, product_condition
from engine.roles import Role
from engine.scope import Scope
from engine.store.compiled import insert_rows
from engine.store.database import database, execute, in_transaction, is_postgres, now_expression
from engine.store.locks import Lock, exclusive
from engine.store.models import Client, Product, Service, Vm
from engine.webhooks import recording
from engine.work import events, requests, wake

_BATCH = 400
T = TypeVar("T")


@needs(Role.OPERATOR, "create a service")
def create_service(form: ServiceForm, actor: Actor) -> PutResult:
    """Make a service and its VM's row, which starts deploying at once.

    An actor with limits cannot choose its id: whether it is taken would tell of others.
    """
    if form.id is not None and actor.scope.limited:
        require(actor, Needs(Role.OPERATOR, "choose the id of a service", whole_site=True))

    def work() -> PutResult:
        number_alone()
        if form.id is not None and Service.get_or_none(Service.id == form.id):
            raise Refused(f"Service {form.id} already exists. Give another id, or none.")
        numbered = form.model_copy(update={"id": form.id or next_id()})
        return _only(_put([numbered], actor))

    return in_transaction(work)


@needs(Role.OPERATOR, "change the options of a service")
def set_options(service_id: int, options: OptionsForm, actor: Actor) -> PutResult:
    """Replace what a service overrides; the VM changes with the next change-package.

    How many snapshots and backups it may have counts at once: nothing in the VM changes for it.
    """

    def work() -> PutResult:
        row = found(Service, Service.id == service_id, f"service {service_id}")
        form = ServiceForm(id=row.id, client=row.client.name, product=row.product.name, options=options)
        outcome = _only(_put([form], actor))
        _allow(row, options)
        return outcome

    return in_transaction(work)


def _allow(row: Service, options: OptionsForm) -> None:
    """Let the plan of the service's VM say what its options allow."""
    wanted = effective(row.product.spec, options.given())
    for vm in list(Vm.select().where(Vm.service == row.id)):
        if vm.plan:
            plan = vm.plan | {name: getattr(wanted, name) for name in AT_ONCE}
            Vm.update(plan=plan).where(Vm.id == vm.id).execute()


@needs(Role.OPERATOR, "delete a service")
def delete_service(service_id: int, actor: Actor) -> None:
    """Delete a service that has no VM any more."""

    def work() -> None:
        row = found(Service, Service.id == service_id, f"service {service_id}")
        vms = [
            each.name or f"the VM of service {service_id}" for each in Vm.select().where(Vm.service == row.id)
        ]
        refuse_users("service", str(service_id), {"VMs": vms})
        remove(actor, "service", row, str(service_id))

    in_transaction(work)


@needs(Role.OPERATOR, "create or change services", whole_site=True)
def put_services(forms: Sequence[ServiceForm], actor: Actor) -> list[PutResult | Refused]:
    """Make each service match its form, in the caller's transaction; a refused one is its own answer."""
    return _put(forms, actor)


def _put(forms: Sequence[ServiceForm], actor: Actor) -> list[PutResult | Refused]:
    site = _Site.read(forms, actor.scope)
    answers = [_answer(form, site, actor) for form in forms]
    new = [form for form, answer in zip(forms, answers, strict=True) if _is_new(answer)]
    if new:
        _insert(new, site, actor)
        _welcome(new)
        _tell_new(new, actor)
    return answers


@dataclass(frozen=True, slots=True)
class _Site:
    """What the forms name, read in a few queries."""

    clients: dict[str, int]
    products: dict[str, tuple[int, int]]  # name -> id, server
    services: dict[int, Service]
    scope: Scope

    @classmethod
    def read(cls, forms: Sequence[ServiceForm], scope: Scope) -> _Site:
        ids = [form.id for form in forms if form.id is not None]
        services: dict[int, Service] = {}
        for batch in _batches(ids):
            services |= {row.id: row for row in Service.select().where(Service.id.in_(batch))}
        clients: dict[str, int] = {}
        for names in _batches(sorted({form.client for form in forms})):
            query = Client.select(Client.name, Client.id).where(Client.name.in_(names))
            clients |= dict(inside(query, client_condition(scope)).tuples())
        products: dict[str, tuple[int, int]] = {}
        for names in _batches(sorted({form.product for form in forms})):
            plans = Product.select(Product.name, Product.id, Product.server).where(Product.name.in_(names))
            rows = inside(plans, product_condition(scope)).tuples()
            products |= {name: (number, server) for name, number, server in rows}
        return cls(clients, products, services, scope)

    def unknown_client(self, name: str) -> NotFound:
        """The refusal of a client, with the nearest name."""
        rows = inside(Client.select(Client.name), client_condition(self.scope)).tuples()
        return NotFound(f"Client '{name}' not found.{nearest(name, (each for (each,) in rows))}")

    def unknown_product(self, name: str) -> NotFound:
        """The refusal of a product, with the nearest name."""
        rows = inside(Product.select(Product.name), product_condition(self.scope)).tuples()
        return NotFound(f"Product '{name}' not found.{nearest(name, (each for (each,) in rows))}")


def _answer(form: ServiceForm, site: _Site, actor: Actor) -> PutResult | Refused:
    assert form.id is not None
    if form.client not in site.clients:
        return site.unknown_client(form.client)
    if form.product not in site.products:
        return site.unknown_product(form.product)
    row = site.services.get(form.id)
    if row is None:
        return PutResult("service", str(form.id), "create", form.id)
    try:
        return _change(form, row, site, actor)
    except Refused as refusal:
        return refusal


def _is_new(answer: PutResult | Refused) -> bool:
    return isinstance(answer, PutResult) and answer.verb == "create"


def _change(form: ServiceForm, row: Service, site: _Site, actor: Actor) -> PutResult:
    differences = list(_differences(form, row, site))
    name = str(form.id)
    if not differences:
        return PutResult("service", name, "same", row.id)
    if row.status in ("Terminated", "Cancelled"):
        raise Refused(f"Service {form.id} is {row.status} and can no longer be changed.")
    product, server = site.products[form.product]
    if product != row.product_id and server != row.product.server_id:
        raise Refused(
            f"Service {form.id} cannot move to '{form.product}', which is on another server; "
            "VMs do not move between clusters."
        )
    changes = {"client": site.clients[form.client], "product": product, "options": form.options.given()}
    Service.update(changes).where(Service.id == row.id).execute()
    look_soon([row.id])
    before = {each.field: each.old for each in differences}
    record(actor, "change", "service", row.id, name, before, {each.field: each.new for each in differences})
    return PutResult("service", name, "change", row.id, tuple(differences))


def _differences(form: ServiceForm, row: Service, site: _Site) -> Iterator[Difference]:
    if site.clients[form.client] != row.client_id:
        yield Difference("client", row.client.name, form.client)
    if site.products[form.product][0] != row.product_id:
        yield Difference("product", row.product.name, form.product)
    new = form.options.given()
    for option in sorted(new.keys() | row.options.keys()):
        if row.options.get(option) != new.get(option):
            yield Difference(f"options.{option}", row.options.get(option), new.get(option))


def _insert(forms: Sequence[ServiceForm], site: _Site, actor: Actor) -> None:
    now = now_ms()
    for batch in _batches(forms):
        insert_rows(Service, [_service_row(form, site, now) for form in batch])
        insert_rows(Vm, [_vm_row(form, site) for form in batch])
        requests.add_deploys([form.id for form in batch if form.id is not None], actor.login, actor.source)
    count_on()


def count_on() -> None:
    """Ids were given by hand: let the next automatic one come after them; call it in the same transaction."""
    if is_postgres():
        database.execute_sql(
            "SELECT setval(pg_get_serial_sequence('service', 'id'), (SELECT MAX(id) FROM service))"
        )


def _service_row(form: ServiceForm, site: _Site, now: int) -> dict[str, Any]:
    return {
        "id": form.id,
        "client": site.clients[form.client],
        "product": site.products[form.product][0],
        "options": form.options.given(),
        "created_at": now,
    }


def _vm_row(form: ServiceForm, site: _Site) -> dict[str, Any]:
    return {
        "uid": str(uuid.uuid4()),
        "service": form.id,
        "server": site.products[form.product][1],
        "vm_status": "creation",
        "due_at": now_expression(),
    }


def _welcome(forms: Sequence[ServiceForm]) -> None:
    """The first mail of each new service, which goes out when the service is committed."""
    for batch in _batches(forms):
        queue_welcomes([form.id for form in batch if form.id is not None])


def _tell_new(forms: Sequence[ServiceForm], actor: Actor) -> None:
    for form in forms:
        after = {"client": form.client, "product": form.product, "options": form.options.given()}
        audit.record(actor, "create", "service", str(form.id), str(form.id), before={}, after=after)
    if recording.write("service.created", [form.id for form in forms if form.id is not None]):
        recording.ring()
    wake.notify()
    events.publish("change", data={"kind": "service", "action": "create", "count": len(forms)})


@needs(Role.OPERATOR, "change the product of a service")
def request_change(service_ids: Sequence[int], actor: Actor) -> list[int]:
    """Queue change-package for the VMs of these services; returns the services queued."""

    def work() -> list[int]:
        queued = []
        for batch in _batches(service_ids):
            for vm in Vm.select().where(Vm.service.in_(batch)).order_by(Vm.service):
                enqueue(vm, "ChangePackage", actor)
                queued.append(vm.service_id)
        if queued:
            wake.notify()
        return queued

    return in_transaction(work)


def number_alone() -> None:
    """Let nobody else number a service until this transaction ends; SQLite has one writer anyway."""
    exclusive(Lock.SERVICE_NUMBERS)


def next_id() -> int:
    """The number a new service gets; call it after `number_alone`, in the transaction that makes the service."""
    return int(execute("SELECT COALESCE(MAX(id), 0) FROM service").fetchone()[0]) + 1


def _only(answers: list[PutResult | Refused]) -> PutResult:
    answer = answers[0]
    if isinstance(answer, Refused):
        raise answer
    return answer


def _batches(items: Sequence[T]) -> Iterator[list[T]]:
    places = iter(items)
    while batch := list(islice(places, _BATCH)):
        yield batch
