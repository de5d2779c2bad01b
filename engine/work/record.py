"""Runs and steps in the database, and the lines an operator reads about them.

Every function here writes inside the caller's transaction, next to vm_status: a line exists exactly when
what it says was committed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from engine.clock import now_ms
from engine.redact import redact
from engine.store.database import execute
from engine.store.models import Vm
from engine.work import events, requests
from engine.work.item import WorkItem

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


@dataclass(slots=True)
class RunRow:
    """The live run of a VM, as a walk needs it."""

    id: int
    action: str
    result: str
    steps: int | None = None  # how many it has, once this walk wrote one that does not wait


def live_run(vm_id: int) -> RunRow | None:
    """The run that is under way for this VM."""
    row = execute("SELECT id, action, result FROM run WHERE vm_id = ? AND live = 1", vm_id).fetchone()
    return RunRow(*row) if row else None


def start_run(vm: WorkItem | Vm, action: str, request: dict[str, object]) -> RunRow:
    """Begin a run with its opening line, for the request that the VM works on if there is one."""
    now = now_ms()
    made = execute(
        "INSERT INTO run (vm_id, action, from_status, to_status, result, started_at, error, live, request) "
        "VALUES (?, ?, ?, '', 'running', ?, '', 1, ?) RETURNING id",
        vm.id,
        action,
        vm.vm_status,
        now,
        _json(request),
    )
    run = RunRow(int(made.fetchone()[0]), action, "running")
    if number := requests.attach_run(vm.id, run.id):
        execute("UPDATE run SET request_id = ? WHERE id = ?", number, run.id)
    vmid = vm.vmid if vm.vmid is not None else "-"
    _say(vm, run, f"--- {action}: service={vm.service_id} vm={vmid} status={vm.vm_status} ---", kind="run")
    return run


def end_run(vm: WorkItem | Vm, run: RunRow, result: str, status: str, error: str = "") -> None:
    """Close a run with its last line and delete the oldest beyond the newest 50."""
    execute(
        "UPDATE run SET live = NULL, result = ?, to_status = ?, finished_at = ?, error = ? WHERE id = ?",
        result,
        status,
        now_ms(),
        redact(error),
        run.id,
    )
    if result == "success":
        line = f"--- {run.action} complete: service={vm.service_id} status={status} ---"
    else:
        line = f"--- {run.action} paused: service={vm.service_id} waiting at ({status}) ---"
    _say(vm, run, line, kind="run", level=result, data={"action": run.action, "error": redact(error)})
    execute(
        "DELETE FROM run WHERE vm_id = ? AND live IS NULL AND id < "
        "(SELECT id FROM run WHERE vm_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
        vm.id,
        vm.id,
        KEPT_RUNS - 1,
    )


def mark_waiting(run: RunRow, waiting: bool) -> None:
    """A live run's result says whether it works or waits."""
    wanted = "waiting" if waiting else "running"
    if run.result != wanted:
        execute("UPDATE run SET result = ? WHERE id = ?", wanted, run.id)
        run.result = wanted


def step(vm: WorkItem | Vm, run: RunRow, end: StepEnd, began: int) -> None:
    """Write one look at a step and its line; a waiting step keeps one row and one line per reason."""
    last: Any = None
    if run.steps is None:
        last = execute(
            "SELECT id, n, step, result, error, notes, started_at FROM step WHERE run_id = ? ORDER BY n DESC LIMIT 1",
            run.id,
        ).fetchone()
    same = last is not None and last[2] == end.key and last[3] == "waiting"
    said = redact(end.text)
    if same and end.result == "waiting" and last[4] == said and not end.notes:
        return
    error = said if end.result != "success" else ""
    notes = [redact(note) for note in end.notes]
    if same:
        ms, n = now_ms() - last[6], last[1]
        execute(
            "UPDATE step SET result = ?, to_status = ?, ms = ?, error = ?, notes = ? WHERE id = ?",
            end.result,
            end.to_status,
            ms,
            error,
            _json([*json.loads(last[5]), *notes]),
            last[0],
        )
    else:
        n = (last[1] if last else run.steps or 0) + 1
        ms = 0 if end.result == "skip" else now_ms() - began
        execute(
            "INSERT INTO step (run_id, n, step, label, from_status, to_status, result, started_at, ms, error, notes) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            run.id,
            n,
            end.key,
            end.label,
            end.from_status,
            end.to_status,
            end.result,
            began,
            ms,
            error,
            _json(notes),
        )
    run.steps = n if end.result != "waiting" else None
    lines = [_line(vm, n, end, 0 if end.result == "skip" else ms), *(f"      · {note}" for note in end.notes)]
    _say(
        vm,
        run,
        "\n".join(lines),
        kind="step",
        level=end.result,
        data={"step": end.key, "n": n, "vm_status": end.to_status, "seconds": ms / 1000},
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _line(vm: WorkItem | Vm, n: int, end: StepEnd, ms: int) -> str:
    move = f"({end.from_status} -> {end.to_status})"
    if end.result == "success":
        said = f"success {move}"
    elif end.result == "skip":
        said = f"skip ({end.text}) {move}"
    else:
        said = f"{end.text} {move}"
    return f"{_GLYPHS[end.result]} sid:{vm.service_id} {n:>2}. {end.label:<28} {said:<50} [{ms / 1000:.2f}s]"


def say_note(vm: WorkItem | Vm, run: RunRow | None, text: str, level: str = "info") -> None:
    """A line below a step, written while it is still at work."""
    _say(vm, run, f"      · {text}", kind="note", level=level)


def _say(
    vm: WorkItem | Vm,
    run: RunRow | None,
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
