"""The log of one machine: its runs, newest first, opened to steps and notes; the failing step on top in red."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from textual.widget import Widget
from textual.widgets import Static

from engine.queries.runs import RunView, StepView
from screens.moments import at
from screens.text import block, plain
from screens.widgets.dialogs import Dialog
from screens.widgets.rows import Cell, Column, Row
from screens.widgets.table import Table

COLUMNS = (
    Column("what", "Run / step", 34, 1, grow=True, sortable=False),
    Column("move", "From → to", 26, 2, grow=True, sortable=False),
    Column("result", "Result", 11, 1, sortable=False),
    Column("when", "Started (UTC)", 19, 4, sortable=False),
    Column("seconds", "Seconds", 8, 1, right=True, sortable=False),
)
_SIGNS = {"success": "[+]", "skip": "[+]", "waiting": "[~]", "error": "[-]", "running": "[>]"}
_TONES = {"success": "ok", "skip": "muted", "waiting": "busy", "error": "error", "running": "busy"}
EMPTY = "This VM has no run yet. The engine writes one as soon as it works on it."


class RunLog(Dialog[None]):
    """Runs as lines; enter opens one to its steps, and closes it again."""

    AUTO_FOCUS = "Table"

    def __init__(self, name: str, found: Sequence[RunView]) -> None:
        super().__init__(f"Log of {plain(name)}", "enter opens or closes a run · esc closes")
        self._runs = tuple(found)
        self._open = {found[0].id} if found else set()
        self._table = Table(COLUMNS, noun="lines", empty=EMPTY)
        self._table.show(self._rows())

    def body(self) -> Iterable[Widget]:
        failing = failure(self._runs)
        if failing:
            yield Static(block(failing), classes="run-error")
        yield self._table

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        run_id = int(str(message.key).partition("/")[0])
        self._open ^= {run_id}
        self._table.show(self._rows())

    def _rows(self) -> list[Row]:
        return [row for run in self._runs for row in rows(run, run.id in self._open)]


def failure(found: Sequence[RunView]) -> str:
    """What failed in the newest run, as one line; empty when nothing did."""
    if not found or found[0].result != "error":
        return ""
    run = found[0]
    for step in run.steps:
        if step.result == "error":
            return f"[-] {run.action} failed at step {step.n}. {step.label}: {step.error or run.error}"
    return f"[-] {run.action} failed: {run.error}"


def rows(run: RunView, opened: bool) -> Iterator[Row]:
    """The line of a run and, when it is open, those of its steps and their notes."""
    sign, by = ("▾" if opened else "▸"), f" by {run.asked_by}" if run.asked_by else ""
    yield Row(
        f"{run.id}",
        (
            f"{sign} {run.action}{by}",
            f"{run.from_status} → {run.to_status}",
            _result(run.result),
            Cell(at(run.started), "muted"),
            f"{run.seconds:.1f}",
        ),
    )
    if not opened:
        return
    for step in run.steps:
        yield from _step(run.id, step)
    if not run.steps and run.error:
        yield Row(f"{run.id}/e", (Cell(f"    {run.error}", "error"),))


def _step(run_id: int, step: StepView) -> Iterator[Row]:
    key = f"{run_id}/{step.n}"
    yield Row(
        key,
        (
            f"  {step.n:>2}. {step.label}",
            f"{step.from_status} → {step.to_status}",
            _result(step.result),
            Cell(at(step.started), "muted"),
            f"{step.seconds:.2f}",
        ),
    )
    said = [(step.error, "error")] if step.error else []
    for place, (words, tone) in enumerate([*said, *((note, "muted") for note in step.notes)]):
        yield Row(f"{key}/{place}", (Cell(f"      · {words}", tone),))


def _result(result: str) -> Cell:
    return Cell(f"{_SIGNS.get(result, '[ ]')} {result}", _TONES.get(result, ""))
