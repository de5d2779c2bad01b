"""Everything that happened to a service in one timeline, the newest first.

Entry point: `history_of(service_id, limit, before) -> list[Moment]`. It brings together what operators requested (the
audit), what the engine did about it (runs) and when the guest came to carry our mark or went (calls). Each source
is asked only for as many rows as are wanted, so a page costs the same whatever the length of the story.

    first = history_of(5546, limit=50)
    next_page = history_of(5546, limit=50, before=first[-1].place)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from engine import clock
from engine.queries.changes import in_words
from engine.store.database import session
from engine.store.models import Audit, Call, Run, Vm

Kind = Literal["request", "run", "ownership"]
Place = tuple[int, int, int]
"""The position of a moment in its timeline: when, which source, which row."""

ENGINE = "engine"
_REQUEST, _OWNERSHIP, _RUN = 0, 1, 2
_CALLS = {"intent": "running", "answered": "running", "ambiguous": "unknown", "failed": "error"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a service: when, by whom, what, how it ended; `run_id` leads to its steps."""

    at: clock.Moment
    who: str
    what: str
    result: str
    run_id: int | None
    kind: Kind
    detail: str
    """The reason an operator gave and what changed, or why it failed; empty when there is nothing to add."""
    place: Place


def history_of(service_id: int, limit: int = 100, before: Place | None = None) -> list[Moment]:
    """The newest moments of a service, or those before a place in its timeline; the newest first."""
    with session():
        vm_id = Vm.select(Vm.id).where(Vm.service == service_id).scalar()
        found = [*_requests(service_id, limit, before)]
        if vm_id is not None:
            found += _runs(vm_id, limit, before)
            found += _ownership(vm_id, limit, before)
    return sorted(found, key=lambda each: each.place, reverse=True)[:limit]


def _requests(service_id: int, limit: int, before: Place | None) -> Iterator[Moment]:
    about = (Audit.kind.in_(("vm", "service"))) & (Audit.object_id == str(service_id))
    query = Audit.select().where(about & _earlier(Audit.at, Audit.id, _REQUEST, before))
    for row in query.order_by(Audit.at.desc(), Audit.id.desc()).limit(limit):
        words = "; ".join(part for part in (row.reason, in_words(row.kind, row.before, row.after)) if part)
        moves_owner = row.action == "adopt" or (row.kind == "service" and "client" in row.after)
        yield Moment(
            at=row.at,
            who=row.login,
            what=row.action,
            result=row.result,
            run_id=None,
            kind="ownership" if moves_owner else "request",
            detail=words,
            place=(row.at, _REQUEST, row.id),
        )


def _runs(vm_id: int, limit: int, before: Place | None) -> Iterator[Moment]:
    query = Run.select().where((Run.vm == vm_id) & _earlier(Run.started_at, Run.id, _RUN, before))
    for row in query.order_by(Run.started_at.desc(), Run.id.desc()).limit(limit):
        way = f" ({row.from_status} -> {row.to_status})" if row.to_status not in ("", row.from_status) else ""
        yield Moment(
            at=row.started_at,
            who=str(row.request.get("by") or ENGINE),
            what=f"{row.action}{way}",
            result=row.result,
            run_id=row.id,
            kind="run",
            detail=row.error,
            place=(row.started_at, _RUN, row.id),
        )


def _ownership(vm_id: int, limit: int, before: Place | None) -> Iterator[Moment]:
    """The calls by which a guest became ours, was marked again, or was removed."""
    turns = (
        Call.what.startswith("Writing our mark")
        | Call.path.endswith("/clone")
        | ((Call.method == "DELETE") & Call.what.startswith("Deleting: VM"))
    )
    query = Call.select().where(
        (Call.vm == vm_id) & turns & _earlier(Call.intent_at, Call.id, _OWNERSHIP, before)
    )
    for row in query.order_by(Call.intent_at.desc(), Call.id.desc()).limit(limit):
        good = row.outcome in ("", "OK") or row.outcome.startswith("WARNINGS")
        yield Moment(
            at=row.intent_at,
            who=ENGINE,
            what=row.what,
            result=_CALLS.get(row.state, "done" if good else "error"),
            run_id=row.run_id,
            kind="ownership",
            detail="" if row.outcome == "OK" else row.outcome,
            place=(row.intent_at, _OWNERSHIP, row.id),
        )


def _earlier(at: Any, number: Any, source: int, before: Place | None) -> Any:
    """The condition: this row stands before a place in the timeline."""
    if before is None:
        return number > 0
    moment, other, row = before
    if source > other:
        return at < moment
    if source < other:
        return at <= moment
    return (at < moment) | ((at == moment) & (number < row))
