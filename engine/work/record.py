"""Runs and steps in the database, and the lines an operator reads about them.

Every function here writes inside the caller's transaction, next to vm_status: a line exists exactly when
what it says was committed.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.clock import now_ms
from engine.redact import redact
from engine.store.models import Run, Step, Vm
from engine.work import events

KEPT_RUNS = 50
_GLYPHS = {"success": "[+]", "skip": "[+]", "waiting": "[~]", "error": "[-]"}


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How one look at a step ended."""

    key: str
    label: str
    from_status: str
    to_status: str
    result: str  # success, skip, waiting, error
    text: str  # the reason of a skip, a wait or an error
    notes: tuple[str, ...] = ()


def live_run(vm: Vm) -> Run | None:
    """The run that goes on for this VM."""
    return Run.get_or_none((Run.vm == vm.id) & (Run.live == 1))


def start_run(vm: Vm, action: str, request: dict[str, object]) -> Run:
    """Begin a run with its opening line."""
    run = Run.create(vm=vm.id, action=action, from_status=vm.vm_status, live=1, request=request)
    vmid = vm.vmid if vm.vmid is not None else "-"
    _say(vm, run, f"--- {action}: service={vm.service_id} vm={vmid} status={vm.vm_status} ---", kind="run")
    return run


def end_run(vm: Vm, run: Run, result: str, status: str, error: str = "") -> None:
    """Close a run with its last line and forget the oldest beyond the newest 50."""
    Run.update(live=None, result=result, to_status=status, finished_at=now_ms(), error=redact(error)).where(
        Run.id == run.id
    ).execute()
    if result == "success":
        line = f"--- {run.action} complete: service={vm.service_id} status={status} ---"
    else:
        line = f"--- {run.action} paused: service={vm.service_id} waiting at ({status}) ---"
    _say(vm, run, line, kind="run", level=result, data={"action": run.action, "error": redact(error)})
    _forget_old(vm)


def mark_waiting(run: Run, waiting: bool) -> None:
    """A live run's result says whether it works or waits."""
    wanted = "waiting" if waiting else "running"
    if run.result != wanted:
        Run.update(result=wanted).where(Run.id == run.id).execute()
        run.result = wanted


def step(vm: Vm, run: Run, end: StepEnd, began: int) -> None:
    """Write one look at a step and say its line; a waiting step keeps one row and one line per reason."""
    last = Step.select().where(Step.run == run.id).order_by(Step.n.desc()).first()
    same = last is not None and last.step == end.key and last.result == "waiting"
    if same and end.result == "waiting" and last.error == redact(end.text) and not end.notes:
        return
    error = redact(end.text) if end.result != "success" else ""
    if same:
        notes = [*last.notes, *map(redact, end.notes)]
        ms = now_ms() - last.started_at
        Step.update(result=end.result, to_status=end.to_status, ms=ms, error=error, notes=notes).where(
            Step.id == last.id
        ).execute()
        n = last.n
    else:
        n = (last.n if last else 0) + 1
        ms = 0 if end.result == "skip" else now_ms() - began
        Step.insert(
            run=run.id,
            n=n,
            step=end.key,
            label=end.label,
            from_status=end.from_status,
            to_status=end.to_status,
            result=end.result,
            started_at=began,
            ms=ms,
            error=error,
            notes=[redact(note) for note in end.notes],
        ).execute()
    lines = [_line(vm, n, end, 0 if end.result == "skip" else ms), *(f"      · {note}" for note in end.notes)]
    _say(vm, run, "\n".join(lines), kind="step", level=end.result, data={"step": end.key, "n": n})


def _line(vm: Vm, n: int, end: StepEnd, ms: int) -> str:
    move = f"({end.from_status} -> {end.to_status})"
    if end.result == "success":
        said = f"success {move}"
    elif end.result == "skip":
        said = f"skip ({end.text}) {move}"
    else:
        said = f"{end.text} {move}"
    return f"{_GLYPHS[end.result]} sid:{vm.service_id} {n:>2}. {end.label:<28} {said:<50} [{ms / 1000:.2f}s]"


def say_note(vm: Vm, run: Run | None, text: str, level: str = "info") -> None:
    """A line below a step, said while it goes on."""
    _say(vm, run, f"      · {text}", kind="note", level=level)


def _say(
    vm: Vm,
    run: Run | None,
    text: str,
    *,
    kind: str,
    level: str = "info",
    data: dict[str, object] | None = None,
) -> None:
    events.publish(
        kind,
        text,
        level=level,
        vm=vm.id,
        service=vm.service_id,
        run=run.id if run else None,
        data=data,
    )


def _forget_old(vm: Vm) -> None:
    kept = Run.select(Run.id).where(Run.vm == vm.id).order_by(Run.id.desc()).limit(KEPT_RUNS)
    oldest = min((row.id for row in kept), default=0)
    Run.delete().where(Run.vm == vm.id, Run.id < oldest, Run.live.is_null()).execute()
