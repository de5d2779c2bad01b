"""What a billing system does about services: order one, and keep its own number and notes at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from engine import audit
from engine.actions.lookup import found
from engine.actions.notes import LONGEST, set_notes
from engine.actions.permission import Needs, needs, require
from engine.actions.requests import Queued
from engine.actions.services import create_service, number_alone, put_services, set_options
from engine.audit import Actor
from engine.errors import Refused
from engine.forms.faults import checked
from engine.forms.form import Form
from engine.forms.kinds import Name
from engine.forms.service import OptionsForm, ServiceForm, canonical
from engine.queries.scoping import inside, service_condition
from engine.roles import Role
from engine.scope import Scope
from engine.store.database import execute, in_transaction
from engine.store.models import Service
from engine.work import events

ExternalRef = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$"),
    Field(title="External reference", description="The order's number in the billing system."),
]
Notes = Annotated[str, Field(max_length=LONGEST, title="Notes", description="Notes for operators.")]


class OrderForm(ServiceForm):
    """A new service, as a billing system orders it."""

    external_ref: ExternalRef = ""
    notes: Notes = ""


class ServiceChange(Form):
    """What changes of a service's record; what is not given stays."""

    client: Name | None = Field(None, title="Client", description="Client that owns the service.")
    options: dict[str, Any] | None = Field(
        None,
        title="Options",
        description="Options to override, merged into those that are set; null removes one. "
        "The VM changes with the next change-package.",
    )
    external_ref: ExternalRef | None = None
    notes: Notes | None = None


@needs(Role.OPERATOR, "create a service")
def order(form: OrderForm, actor: Actor) -> Queued:
    """Make a service with its order number and notes; its VM starts deploying."""

    def work() -> Queued:
        refuse_taken(form.external_ref, actor.scope)
        seen = events.last_id()
        plain = ServiceForm(id=form.id, client=form.client, product=form.product, options=form.options)
        service = int(create_service(plain, actor).id)
        if form.external_ref:
            Service.update(external_ref=form.external_ref).where(Service.id == service).execute()
        if form.notes.strip():
            set_notes(actor, service, form.notes)
        # a service of this id may have been deleted, and its requests are kept
        newest = "SELECT vm, id FROM request WHERE service = ? ORDER BY id DESC LIMIT 1"
        vm, request = execute(newest, service).fetchone()
        said = f"Service {service} was created; its VM is being deployed."
        return Queued(service, vm, "Deploy", said, seen, request)

    return in_transaction(work)


@needs(Role.SUPPORT, "change the notes of a service")
def change_service(service_id: int, form: ServiceChange, actor: Actor) -> str:
    """Change what is given of a service's record; what was done, as a sentence.

    Notes need the role support, everything else operator; another client also needs an actor without limits.
    """

    def work() -> str:
        row = found(Service, Service.id == service_id, f"service {service_id}")
        said = []
        if form.options is not None:
            merged = _merged(row.options, form.options)
            if merged.given() != row.options:
                set_options(service_id, merged, actor)
                said.append("options")
        if form.client is not None and form.client != row.client.name:
            _give(row, form.client, actor)
            said.append("client")
        if form.external_ref is not None and form.external_ref != row.external_ref:
            _refer(row, form.external_ref, actor)
            said.append("external reference")
        if form.notes is not None and form.notes.strip() != row.notes:
            set_notes(actor, service_id, form.notes)
            said.append("notes")
        what = f"Changed {', '.join(said)} of" if said else "Nothing was changed of"
        return f"{what} service {service_id}."

    return in_transaction(work)


def _merged(known: Mapping[str, Any], given: Mapping[str, Any]) -> OptionsForm:
    both = {**known, **canonical(given)}
    return checked(OptionsForm, {name: value for name, value in both.items() if value is not None})


def _give(row: Service, client: str, actor: Actor) -> None:
    form = ServiceForm(id=row.id, client=client, product=row.product.name, options=OptionsForm(**row.options))
    (outcome,) = put_services([form], actor)
    if isinstance(outcome, Refused):
        raise outcome


def _refer(row: Service, wanted: str, actor: Actor) -> None:
    require(actor, Needs(Role.OPERATOR, "change the external reference of a service", whole_site=False))
    refuse_taken(wanted, actor.scope)
    Service.update(external_ref=wanted).where(Service.id == row.id).execute()
    before, after = {"external_ref": row.external_ref}, {"external_ref": wanted}
    audit.record(actor, "change", "service", str(row.id), str(row.id), before=before, after=after)
    events.publish("change", service=row.id, data={"kind": "service", "action": "change"})


def refuse_taken(external_ref: str, scope: Scope) -> None:
    """Refuse a reference that a service in this scope has already: shops number their own orders."""
    if not external_ref:
        return
    number_alone()
    known = inside(Service.select(Service.id), service_condition(scope))
    row = known.where(Service.external_ref == external_ref).first()
    if row is not None:
        raise Refused(
            f"The external reference '{external_ref}' is service {row.id} already. Use another, or change that service."
        )
