"""What happened to a VM: its runs, newest first, with their steps."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from engine.clock import Moment, now_ms
from engine.errors import Refused
from engine.store.database import session
from engine.store.models import Run, Step


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run."""

    n: int
    step: str
    label: str
    from_status: str
    to_status: str
    result: str
    started: Moment
    seconds: float
    error: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of a VM."""

    id: int
    action: str
    from_status: str
    to_status: str
    result: str
    started: Moment
    finished: Moment | None
    seconds: float
    error: str
    asked_by: str = ""
    steps: list[StepView] = field(default_factory=list)


def runs(vm_id: int, run_id: int | None = None, limit: int = 50) -> list[RunView]:
    """The runs of a VM, newest first, or the one that is named."""
    query = Run.select().where(Run.vm == vm_id).order_by(Run.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(Run.id == run_id)
    with session():
        rows = list(query)
        if run_id is not None and not rows:
            raise Refused(f"This VM has no run {run_id}; `kvmtui vm log REF` shows the runs that are kept.")
        steps = _steps([row.id for row in rows])
    return [run_view(row, steps[row.id]) for row in rows]


def _steps(run_ids: list[int]) -> dict[int, list[StepView]]:
    found: dict[int, list[StepView]] = defaultdict(list)
    for row in Step.select().where(Step.run.in_(run_ids)).order_by(Step.run, Step.n):
        found[row.run_id].append(
            StepView(
                n=row.n,
                step=row.step,
                label=row.label,
                from_status=row.from_status,
                to_status=row.to_status,
                result=row.result,
                started=row.started_at,
                seconds=round(row.ms / 1000, 2),
                error=row.error,
                notes=list(row.notes),
            )
        )
    return found


def run_view(row: Run, steps: list[StepView] | None = None) -> RunView:
    """A run's row as a view."""
    end = row.finished_at or now_ms()
    return RunView(
        id=row.id,
        action=row.action,
        from_status=row.from_status,
        to_status=row.to_status,
        result=row.result,
        started=row.started_at,
        finished=row.finished_at,
        seconds=round((end - row.started_at) / 1000, 2),
        error=row.error,
        asked_by=str(row.request.get("by", "")),
        steps=steps or [],
    )
