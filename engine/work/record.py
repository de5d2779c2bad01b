"""Runs and steps in the database, and the lines an operator reads about them.

Every function here writes inside the caller's transaction, together with vm_status: a line exists exactly if
what it says was committed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.clock import now_ms
from engine.redact import redact
from engine.store.compiled import Insert
from engine.store.database import execute
from engine.store.models import Vm
from engine.work import events, requests
from engine.work.item import WorkItem

KEPT_RUNS = 50
_GLYPHS = {"success": "[+]", "skip": "[+]", "waiting": "[~]", "error": "[-]"}


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How one attempt at a step ended."""

    key: str
    label: str
    from_status: str
    to_status: str
    result: str  # success, skip, waiting, error
    text: str  # the reason of a skip, a wait or an error
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EndedStep:
    """An attempt at a step as it is stored: its row, and the event with its line."""

    row: tuple[Any, ...]
    event: events.Row


@dataclass(slots=True)
class RunRow:
    """The live run of a VM, as a walk needs it."""

    id: int
    action: str
    result: str
    steps: int | None = None  # how many it has; None: unknown, or the last one waits


def live_run(vm_id: int) -> RunRow | None:
    """The open run of this VM."""
    row = execute("SELECT id, action, result FROM run WHERE vm_id = ? AND live = 1", vm_id).fetchone()
    return RunRow(*row) if row else None


def start_run(vm: WorkItem | Vm, action: str, request: dict[str, object]) -> RunRow:
    """Begin a run with its opening line, for the VM's running request if there is one."""
    now = now_ms()
    made = execute(
        "INSERT INTO run (vm_id, action, from_status, to_status, result, started_at, error, live, request, request_id) "
        "VALUES (?, ?, ?, '', 'running', ?, '', 1, ?, "
        "(SELECT id FROM request WHERE vm = ? AND state = 'running')) RETURNING id, request_id",
        vm.id,
        action,
        vm.vm_status,
        now,
        _json(request),
        vm.id,
    )
    number, request_id = made.fetchone()
    run = RunRow(int(number), action, "running", steps=0)
    if request_id is not None:
        requests.attach_run(request_id, run.id)
    vmid = vm.vmid if vm.vmid is not None else "-"
    _say(vm, run, f"--- {action}: service={vm.service_id} vm={vmid} status={vm.vm_status} ---", kind="run")
    return run


def end_run(vm: WorkItem | Vm, run: RunRow, result: str, status: str, error: str = "") -> None:
    """Close a run with its last line, and keep the newest 50 runs of the VM."""
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
    """Set the result of an open run: running or waiting."""
    wanted = "waiting" if waiting else "running"
    if run.result != wanted:
        execute("UPDATE run SET result = ? WHERE id = ?", wanted, run.id)
        run.result = wanted


def step(vm: WorkItem | Vm, run: RunRow, end: StepEnd, began: int, before: Sequence[EndedStep] = ()) -> None:
    """Write one attempt at a step and its line, after those `before` it that are not written yet.

    A waiting step keeps one row and one line per reason.
    """
    last: Any = None
    if run.steps is None:
        last = execute(
            "SELECT id, n, step, result, error, notes, started_at FROM step WHERE run_id = ? ORDER BY n DESC LIMIT 1",
            run.id,
        ).fetchone()
        run.steps = last[1] if last else 0
    if last is not None and last[2] == end.key and last[3] == "waiting":
        _step_again(vm, run, end, last)
    else:
        write([*before, ended(vm, run, end, began)])
    if end.result == "waiting":
        run.steps = None


def _step_again(vm: WorkItem | Vm, run: RunRow, end: StepEnd, last: Any) -> None:
    """Write another attempt at a waiting step into its row."""
    row, n, _, _, error_before, notes_before, began = last
    error = redact(end.text) if end.result != "success" else ""
    if end.result == "waiting" and error_before == error and not end.notes:
        return
    ms = now_ms() - began
    execute(
        "UPDATE step SET result = ?, to_status = ?, ms = ?, error = ?, notes = ? WHERE id = ?",
        end.result,
        end.to_status,
        ms,
        error,
        _json([*json.loads(notes_before), *map(redact, end.notes)]),
        row,
    )
    events.publish_row(_step_event(vm, run, n, end, ms))


def ended(vm: WorkItem | Vm, run: RunRow, end: StepEnd, began: int) -> EndedStep:
    """The next step of a run whose steps are counted, to be written with `write`."""
    run.steps = n = (run.steps or 0) + 1
    ms = 0 if end.result == "skip" else now_ms() - began
    row = (
        run.id,
        n,
        end.key,
        end.label,
        end.from_status,
        end.to_status,
        end.result,
        began,
        ms,
        redact(end.text) if end.result != "success" else "",
        _json([redact(note) for note in end.notes]),
    )
    return EndedStep(row, _step_event(vm, run, n, end, ms))


def write(steps: Sequence[EndedStep]) -> None:
    """Write steps that ended, in their order, with their lines."""
    _INSERT.rows([step.row for step in steps])
    for step in steps:
        events.publish_row(step.event)


_INSERT = Insert(
    "step",
    {
        "run_id": "INTEGER", "n": "INTEGER", "step": "TEXT", "label": "TEXT", "from_status": "TEXT",
        "to_status": "TEXT", "result": "TEXT", "started_at": "BIGINT", "ms": "INTEGER", "error": "TEXT",
        "notes": "TEXT",
    },
)  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _step_event(vm: WorkItem | Vm, run: RunRow, n: int, end: StepEnd, ms: int) -> events.Row:
    lines = [_line(vm, n, end, 0 if end.result == "skip" else ms), *(f"      · {note}" for note in end.notes)]
    return events.row_of(
        "step",
        "\n".join(lines),
        level=end.result,
        vm=vm.id,
        service=vm.service_id,
        run=run.id,
        data={"step": end.key, "n": n, "vm_status": end.to_status, "seconds": ms / 1000},
    )


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
