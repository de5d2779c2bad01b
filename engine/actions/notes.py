"""What people write down about a service for each other; the engine never acts on it."""

from __future__ import annotations

from engine import audit, events
from engine.actions.named import found
from engine.audit import Actor
from engine.errors import Refused
from engine.store.database import in_transaction
from engine.store.models import Service

LONGEST = 10_000


def set_notes(actor: Actor, service_id: int, words: str, was: str | None = None) -> str:
    """Replace the notes of a service; refused when they are no longer `was`. What was done, as a sentence."""
    wanted = words.replace("\r\n", "\n").strip()
    if len(wanted) > LONGEST:
        raise Refused(f"Notes may have {LONGEST} characters, these have {len(wanted)}; nothing was saved.")

    def work() -> str:
        row = found(Service, Service.id == service_id, f"service {service_id}")
        if was is not None and row.notes != was:
            raise Refused(
                f"Somebody changed the notes of service {service_id} meanwhile; nothing was saved. "
                "Read them again and add yours."
            )
        if row.notes == wanted:
            return f"The notes of service {service_id} are as they were."
        Service.update(notes=wanted).where(Service.id == service_id).execute()
        audit.record(
            actor, "notes", "service", str(service_id), str(service_id),
            before={"notes": row.notes}, after={"notes": wanted},
        )  # fmt: skip
        events.publish("change", service=service_id, data={"kind": "service", "action": "notes"})
        return f"The notes of service {service_id} are {'saved' if wanted else 'empty now'}."

    return in_transaction(work)
