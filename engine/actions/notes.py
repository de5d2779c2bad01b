"""What people write down about a service or a client for each other; the engine never acts on it."""

from __future__ import annotations

from engine import audit
from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.audit import Actor
from engine.errors import Refused
from engine.queries.scoping import client_condition
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Client, Service
from engine.work import events

LONGEST = 10_000


@needs(Role.SUPPORT, "change the notes of a service")
def set_notes(actor: Actor, service_id: int, words: str, was: str | None = None) -> str:
    """Replace the notes of a service; refused when they are no longer `was`. What was done, as a sentence."""
    wanted = _checked(words)

    def work() -> str:
        row = found(Service, Service.id == service_id, f"service {service_id}")
        return _write(actor, row, "service", f"service {service_id}", wanted, was)

    return in_transaction(work)


@needs(Role.SUPPORT, "change the notes of a client")
def set_client_notes(actor: Actor, name: str, words: str, was: str | None = None) -> str:
    """The same for a client, whose notes also tell which of their services ended and with which addresses."""
    wanted = _checked(words)

    def work() -> str:
        row = found(Client, Client.name == name, f"client '{name}'", client_condition(actor.scope))
        return _write(actor, row, "client", f"client {name}", wanted, was)

    return in_transaction(work)


def _checked(words: str) -> str:
    wanted = words.replace("\r\n", "\n").strip()
    if len(wanted) > LONGEST:
        raise Refused(f"Notes may have {LONGEST} characters, these have {len(wanted)}; nothing was saved.")
    return wanted


def _write(actor: Actor, row: Service | Client, kind: str, what: str, wanted: str, was: str | None) -> str:
    """Write them with their audit row and event, in the caller's transaction."""
    if was is not None and row.notes != was:
        raise Refused(
            f"The notes of {what} were changed by somebody else; nothing was saved. Read them again and add yours."
        )
    if row.notes == wanted:
        return f"The notes of {what} are unchanged."
    before, service = row.notes, row.id if kind == "service" else None
    table = type(row)
    table.update(notes=wanted).where(table.id == row.id).execute()
    name = str(row.id) if kind == "service" else row.name
    audit.record(actor, "notes", kind, str(row.id), name, before={"notes": before}, after={"notes": wanted})
    events.publish("change", service=service, data={"kind": kind, "action": "notes"})
    return f"The notes of {what} are {'saved' if wanted else 'empty now'}."
