"""The outbox and the letters as values: what waits, what went, and what a mail would look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import fn

from engine.clock import Moment
from engine.errors import Refused
from engine.mail.facts import HIDDEN, TEMPLATES, WITH_PASSWORD, addresses_of, machine_facts, sample_facts
from engine.mail.letters import Letter, write_letter
from engine.plan import effective
from engine.store.database import session
from engine.store.models import Outbox, Service, Vm
from engine.store.settings import Smtp, read

STATES = ("pending", "sending", "sent", "failed", "unknown")


@dataclass(frozen=True, slots=True)
class MailView:
    """One mail of the outbox; `unknown` means that the server may have taken it."""

    id: int
    state: str
    template: str
    recipient: str
    language: str
    service_id: int | None
    attempts: int
    error: str
    created_at: Moment
    due_at: Moment | None
    sent_at: Moment | None
    message_id: str


@dataclass(frozen=True, slots=True)
class MailCounts:
    """How many mails are in which state, and whether there is a server to send them."""

    server: str
    pending: int = 0
    sending: int = 0
    sent: int = 0
    failed: int = 0
    unknown: int = 0


def outbox(state: str = "", limit: int = 1000) -> list[MailView]:
    """The newest mails first, of one state or of all."""
    if state and state not in STATES:
        raise Refused(f"There is no state '{state}'; the states are {', '.join(STATES)}.")
    query = Outbox.select(Outbox, Vm.service).left_outer_join(Vm).order_by(Outbox.id.desc()).limit(limit)
    if state:
        query = query.where(_in_state(state))
    with session():
        domain = read(Smtp).sender.rpartition("@")[2]
        return [_view(row, domain) for row in query]


def mail_counts() -> MailCounts:
    """How the outbox stands."""
    with session():
        query = Outbox.select(Outbox.state, fn.COUNT(Outbox.id)).where(~_in_state("unknown"))
        counts: dict[str, int] = dict(query.group_by(Outbox.state).tuples())
        lost = Outbox.select().where(_in_state("unknown")).count()
        return MailCounts(read(Smtp).host, unknown=lost, **counts)


def preview(template: str, language: str = "", service_id: int | None = None) -> Letter:
    """The letter as it would go out, with a sample machine or a real one; a password is never in it."""
    if template not in TEMPLATES:
        raise Refused(f"There is no mail '{template}'; the mails are {', '.join(TEMPLATES)}.")
    if service_id is None:
        return write_letter(template, language or "en", sample_facts())
    with session():
        service = Service.get_or_none(Service.id == service_id)
        if service is None:
            raise Refused(f"There is no service {service_id}.")
        return write_letter(template, language or service.client.language, _facts(service, template))


def _facts(service: Service, template: str) -> dict[str, Any]:
    plan = effective(service.product.spec, service.options)
    vm = Vm.get_or_none(Vm.service == service.id)
    if vm is None:
        named = {"service_id": service.id, "product": service.product.name, "client": service.client.name}
        return dict.fromkeys(sample_facts(), "") | named
    addresses = [] if template == "welcome" else addresses_of(vm)
    password = HIDDEN if template in WITH_PASSWORD else ""
    return machine_facts(vm, plan, addresses, password)


def _in_state(state: str) -> Any:
    if state == "unknown":
        return (Outbox.state == "failed") & Outbox.sent_at.is_null(False)
    if state == "failed":
        return (Outbox.state == "failed") & Outbox.sent_at.is_null()
    return Outbox.state == state


def _view(row: Outbox, domain: str) -> MailView:
    waits = row.state in ("pending", "sending")
    unknown = row.state == "failed" and row.sent_at is not None
    return MailView(
        id=row.id,
        state="unknown" if unknown else row.state,
        template=row.template,
        recipient=row.recipient,
        language=row.language,
        service_id=row.vm.service_id if row.vm is not None else None,
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
        due_at=row.due_at if waits else None,
        sent_at=row.sent_at if row.state == "sent" else None,
        message_id=f"<{row.uid}@{domain}>" if domain else "",
    )
