"""The programs that are measured: a bare app, a table over a database, and a log under fire.

    python -m benchmarks.tui.stage bare|table|log [DATABASE or REPORT] [LOOK] [LINES_A_SECOND] [SECONDS]

In the table, `x` changes one row in view and `z` lets a tenth of the rows in view change every second.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static

from screens import themes
from screens.widgets.listing import Listing
from screens.widgets.log import LogPane
from screens.widgets.loglines import LogLine
from screens.widgets.rows import Cell, Column, Key, Row, RowSource, View
from screens.widgets.table import Table

COLUMNS = (
    Column("id", "ID", 7, right=True),
    *(Column(f"c{number}", f"Column {number}", 10, number) for number in range(2, 8)),
    Column("name", "Name", 16, grow=True),
    Column("status", "VM status", 14),
)


@dataclass(frozen=True)
class DatabaseRows:
    """Rows of a SQLite table, paged and searched by the database."""

    path: str
    view: View = View()  # noqa: RUF009 - a frozen value
    inline: bool = False

    def count(self) -> int:
        where, words = self._where()
        return int(self._ask(f"SELECT count(*) FROM vm {where}", words)[0][0])

    def page(self, offset: int, limit: int) -> Sequence[Row]:
        where, words = self._where()
        sql = f"SELECT id, name, status FROM vm {where} ORDER BY id LIMIT ? OFFSET ?"
        return [vm(*found) for found in self._ask(sql, (*words, limit, offset))]

    def index_of(self, key: Key) -> int | None:
        where, words = self._where()
        also = f"{where} AND" if where else "WHERE"
        if not self._ask(f"SELECT 1 FROM vm {also} id = ?", (*words, key)):
            return None
        return int(self._ask(f"SELECT count(*) FROM vm {also} id < ?", (*words, key))[0][0])

    def seen(self, view: View) -> RowSource:
        return replace(self, view=view)

    def _where(self) -> tuple[str, tuple[object, ...]]:
        return ("WHERE name LIKE ?", (f"%{self.view.filter}%",)) if self.view.filter else ("", ())

    def _ask(self, sql: str, words: Sequence[object] = ()) -> list[tuple[object, ...]]:
        base = sqlite3.connect(self.path)
        try:
            return base.execute(sql, tuple(words)).fetchall()
        finally:
            base.close()


def vm(number: int, name: str, status: str) -> Row:
    """A row as the VM list would have it."""
    fill = tuple(f"value {number % 97}" for _ in range(6))
    return Row(number, (str(number), *fill, name, Cell(status, "ok" if status == "ready" else "busy")))


def line(seq: int) -> LogLine:
    """A step line as the engine writes it."""
    return LogLine(
        seq, f"sid:{5500 + seq % 60}  {seq}. Configure network  success (a -> b)  [0.31s]", "success"
    )


class Bare(App[None]):
    """As little as Textual can show."""

    def compose(self) -> ComposeResult:
        yield Static("vm-0")


class Staged(App[None]):
    """The console's styling around what is measured."""

    CSS_PATH = themes.stylesheet()

    def __init__(self, look: str) -> None:
        super().__init__(ansi_color=True if look == "16" else None)
        themes.register(self)
        self.theme = themes.NAMES[look]
        self.animation_level = "none"


class TableStage(Staged):
    """A list over a database."""

    BINDINGS = [("x", "change_one"), ("z", "change_tenth")]  # noqa: RUF012

    def __init__(self, path: str, look: str) -> None:
        super().__init__(look)
        self.table = Table(COLUMNS, noun="VMs")
        self.table.show(DatabaseRows(path))
        self.turn = 0

    def compose(self) -> ComposeResult:
        yield Listing(self.table)

    def on_mount(self) -> None:
        self.table.focus()

    def action_change_one(self) -> None:
        self._change(1)

    def action_change_tenth(self) -> None:
        self.set_interval(1.0, lambda: self._change(max(1, self.table.size.height // 10)))

    def _change(self, number: int) -> None:
        self.turn += 1
        rows = self.table._window.rows[5 : 5 + number]
        self.table.put(vm(int(str(row.key)), f"vm-{row.key}", f"set_{self.turn:06d}") for row in rows)


class LogStage(Staged):
    """So many lines a second for so long, and the longest time a key would have waited."""

    def __init__(self, look: str, report: Path, rate: int, seconds: int) -> None:
        super().__init__(look)
        self.pane = LogPane(deque())
        self.report, self.rate, self.seconds = report, rate, seconds
        self.gaps: list[float] = []
        self.last = 0.0

    def compose(self) -> ComposeResult:
        yield Static("vm-0")
        yield self.pane

    def on_ready(self) -> None:
        self.pane.cycle()
        self.last = time.perf_counter()
        self.set_interval(0.01, self._tick)
        threading.Thread(target=self._fire, daemon=True).start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self.last)
        self.last = now
        if self.pane.last_seq == self.rate * self.seconds:
            kept = len(self.pane.view._lines)
            self.report.write_text(f"{max(self.gaps) * 1000:.0f} {self.pane.last_seq} {kept}")
            self.exit()

    def _fire(self) -> None:
        begun, seq = time.perf_counter(), 0
        while seq < self.rate * self.seconds:
            due = min(self.rate * self.seconds, int((time.perf_counter() - begun) * self.rate))
            while seq < due:
                seq += 1
                self.pane.inbox.append(line(seq))
            time.sleep(0.005)


def main(kind: str, path: str = "", look: str = "dark", rate: str = "0", seconds: str = "0") -> None:
    """Runs one of the programs on this terminal."""
    if kind == "bare":
        Bare().run()
    elif kind == "table":
        TableStage(path, look).run(mouse=False)
    else:
        LogStage(look, Path(path), int(rate), int(seconds)).run(mouse=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
