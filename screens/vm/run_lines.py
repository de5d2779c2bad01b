"""The runs of a VM as lines of a table: a line per run, opened to its steps, their errors and notes in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from engine.queries.runs import RunView, StepView
from screens.common.text import pasteable, plain
from screens.common.times import at
from screens.widgets.rows import Cell, Column, Key, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("what", "Run / step", 34, 1, grow=True, sortable=False),
    Column("move", "From → to", 26, 2, grow=True, sortable=False),
    Column("result", "Result", 11, 1, sortable=False),
    Column("when", "Started (UTC)", 19, 4, sortable=False),
    Column("seconds", "Seconds", 8, 1, right=True, sortable=False),
)
SIGNS = {
    "success": "[+]", "done": "[+]", "skip": "[+]", "waiting": "[~]", "unknown": "[~]", "error": "[-]",
    "running": "[>]",
}  # fmt: skip
TONES = {
    "success": "ok", "done": "ok", "skip": "muted", "waiting": "busy", "unknown": "warn", "error": "error",
    "running": "busy",
}  # fmt: skip
EMPTY = "This VM has no run yet. The engine writes one as soon as it works on it."
ALIVE = ("running", "waiting")
_INDENT = "      · "
_MOST_LINES = 40
"""Lines of one error or note; `y` copies all of it."""


class RunTable(Table):
    """The lines of runs; `y` copies what the line belongs to in full: a run, a step or a sentence."""

    def __init__(self) -> None:
        super().__init__(COLUMNS, noun="lines", empty=EMPTY)
        self.runs: tuple[RunView, ...] = ()

    def show_runs(self, found: Sequence[RunView], opened: Iterable[int], width: int) -> None:
        """Shows these runs, those of `opened` with their steps; sentences are wrapped to the width."""
        self.runs = tuple(found)
        wanted = frozenset(opened)
        self.show([row for run in self.runs for row in rows(run, run.id in wanted, width)])

    @property
    def at_last_of_newest(self) -> bool:
        """Whether the cursor is on the last line of the newest run, where new lines appear."""
        return self.cursor == self._end()

    def do_last_of_newest(self) -> None:
        """Puts the cursor there."""
        self._move(self._end())

    def _end(self) -> int:
        newest = self.runs[0].id if self.runs else -1
        source = self.source
        lines = source.page(0, source.count()) if source is not None else ()
        return sum(1 for row in lines if run_of(row.key) == newest) - 1

    def do_copy(self) -> None:
        words = whole(self.runs, self.cursor_key)
        if words:
            self.app.copy_to_clipboard(words)
            self.notify("It is on the clipboard, in full.", markup=False, timeout=2)


def failure(found: Sequence[RunView]) -> str:
    """What failed in the newest run, as one line; empty when nothing did."""
    if not found or found[0].result != "error":
        return ""
    run = found[0]
    for step in run.steps:
        if step.result == "error":
            return f"[-] {run.action} failed at step {step.n}. {step.label}: {step.error or run.error}"
    return f"[-] {run.action} failed: {run.error}"


def run_of(key: Key) -> int:
    """The run a line belongs to."""
    return int(str(key).partition("/")[0])


def rows(run: RunView, opened: bool, width: int) -> Iterator[TableRow]:
    """The line of a run and, when it is open, those of its steps and what they say, wrapped to a width."""
    sign, by = ("▾" if opened else "▸"), f" by {run.asked_by}" if run.asked_by else ""
    yield TableRow(
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
        yield from _step(run.id, step, width)
    if not any(step.error for step in run.steps) and run.error:
        yield from _sentences(f"{run.id}/e", [(run.error, "error")], width)


def whole(found: Sequence[RunView], key: Key | None) -> str:
    """Everything the line of a key belongs to, one safe line after the other."""
    number, _, part = str(key).partition("/")
    run = next((each for each in found if str(each.id) == number), None)
    if run is None:
        return ""
    if not part:
        return "\n".join([_line_of_run(run), *(line for step in run.steps for line in _lines_of_step(step))])
    step = next((each for each in run.steps if str(each.n) == part.partition("/")[0]), None)
    return "\n".join(_lines_of_step(step)) if step is not None else pasteable(run.error)


def _step(run_id: int, step: StepView, width: int) -> Iterator[TableRow]:
    key = f"{run_id}/{step.n}"
    yield TableRow(
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
    yield from _sentences(key, [*said, *((note, "muted") for note in step.notes)], width)


def _sentences(key: str, said: Iterable[tuple[str, str]], width: int) -> Iterator[TableRow]:
    """Sentences over the whole width, each as many lines as it needs."""
    for place, (words, tone) in enumerate(said):
        for number, line in enumerate(_wrapped(words, max(20, width - len(_INDENT)))):
            before = " " * len(_INDENT) if number else _INDENT
            yield TableRow(f"{key}/{place}/{number}", (Cell(before + line, tone),), wide=True)


def _wrapped(words: str, width: int) -> list[str]:
    lines = [line for part in words.splitlines() for line in wrap(plain(part), width)]
    return lines if len(lines) <= _MOST_LINES else [*lines[: _MOST_LINES - 1], "… y copies all of it"]


def _line_of_run(run: RunView) -> str:
    by = f" by {run.asked_by}" if run.asked_by else ""
    line = f"{at(run.started)} UTC  {run.action}{by}: {run.result} after {run.seconds:.1f} s"
    return pasteable(f"{line}: {run.error}" if run.error else line)


def _lines_of_step(step: StepView) -> list[str]:
    line = f"{step.n:>2}. {step.label}: {step.result} after {step.seconds:.2f} s"
    said = [part for words in (step.error, *step.notes) for part in words.splitlines()]
    return [pasteable(line), *(f"    {pasteable(part)}" for part in said)]


def _result(result: str) -> Cell:
    return Cell(f"{SIGNS.get(result, '[ ]')} {result}", TONES.get(result, ""))
