"""What was promised: requests with their state, from the moment they are accepted until they have ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import JOIN

from engine.clock import iso
from engine.scope import EVERYTHING, Scope
from engine.store.compiled import Compiled
from engine.store.database import session
from engine.store.models import Request, Run, Service, Vm
from engine.work.requests import OPEN


@dataclass(frozen=True, slots=True)
class RequestView:
    """One request. `waiting` is a running one whose run waits, or whose step failed and is being retried."""

    id: int
    service_id: int
    action: str
    state: str  # queued, running, waiting, done, failed, withdrawn
    run_id: int | None
    error: str
    login: str
    requested_at: int
    started_at: int | None
    ended_at: int | None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in ("done", "failed", "withdrawn")

    def as_json(self) -> dict[str, Any]:
        """The public form."""
        return {
            "id": self.id,
            "state": self.state,
            "action": self.action,
            "service_id": self.service_id,
            "run_id": self.run_id,
            "error": self.error or None,
            "requested_by": self.login,
            "requested": iso(self.requested_at),
            "started": iso(self.started_at),
            "ended": iso(self.ended_at),
        }


def request(number: int, scope: Scope = EVERYTHING) -> RequestView | None:
    """One request by its number; None when it is unknown or older than what is kept."""
    with session():
        row = _WITH_OWNER.first(number)
        return _view(row) if row is not None and _inside(row, scope) else None


_WITH_OWNER = Compiled[Request](
    lambda number: (
        Request.select(Request, Service.client, Service.product)
        .join(Service, JOIN.LEFT_OUTER, on=(Request.service == Service.id), attr="owner")
        .where(Request.id == number)
    ),
    1,
)


def _inside(row: Request, scope: Scope) -> bool:
    owner = getattr(row, "owner", None)
    seen = owner is not None and scope.sees(owner.client_id, owner.product_id, row.service)
    return not scope.limited or seen


def open_requests(service_id: int) -> list[RequestView]:
    """What a service was promised and has not got yet: what runs first, then the queue in order."""
    with session():
        rows = (
            Request.select()
            .where(Request.service == service_id, Request.state.in_(OPEN))
            .order_by(Request.state.desc(), Request.id)
        )
        return [_view(row) for row in rows]


def _view(row: Request) -> RequestView:
    return RequestView(
        row.id,
        row.service,
        row.action,
        _state(row),
        row.run,
        row.error,
        row.login,
        row.requested_at,
        row.started_at,
        row.ended_at,
    )


def _state(row: Request) -> str:
    if row.state != "running":
        return str(row.state)
    if row.run is None:
        return "queued"
    if row.error:
        return "waiting"
    waits = Run.select().where(Run.id == row.run, Run.result == "waiting").exists()
    return "waiting" if waits else "running"


@dataclass(frozen=True, slots=True)
class Progress:
    """How a request stands for someone who waits for it."""

    over: bool
    failed: bool
    vm_status: str
    why: str = ""
    retrying: bool = False


def progress(number: int) -> Progress:
    """Over when the request has ended, or when its step failed and is left to be retried."""
    with session():
        row = Request.get_or_none(Request.id == number)
        if row is None:
            return Progress(True, False, "", "the request is not known any more")
        vm = Vm.get_or_none(Vm.id == row.vm)
        status = vm.vm_status if vm is not None else ""
        if row.state in OPEN:
            retrying = row.state == "running" and bool(row.error)
            why = row.error or (vm.wait_why if vm is not None else "")
            return Progress(retrying, retrying, status, why, retrying)
        return Progress(True, row.state != "done", status, row.error)
