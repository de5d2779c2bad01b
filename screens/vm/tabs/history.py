"""Everything that happened to a service in one line of time, and the notes people wrote about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.worker import Worker

from engine.counting import counted
from engine.queries.history import Moment, history_of
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import RunView, runs
from screens.common.text import with_service
from screens.common.times import ago, at
from screens.framework.live_rows import FreshRows
from screens.vm.details import VmDetails
from screens.vm.run_lines import SIGNS, TONES
from screens.vm.run_log import RunLog
from screens.vm.tabs.status_lines import Said, StatusLines
from screens.vm.tabs.tab import ListTab
from screens.widgets.dialogs import Notice
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, RowSource, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("when", "When (UTC)", 19, 1, sortable=False),
    Column("what", "What", 24, 1, grow=True, sortable=False),
    Column("who", "Who", 12, 2, sortable=False),
    Column("result", "Result", 13, 1, sortable=False),
)
MOST = 500
"""Moments that are listed; the command line shows older ones."""
_KINDS = {"request": "request", "run": "run of the engine", "ownership": "change of ownership"}


class HistoryTab(ListTab):
    """The newest moments first; enter shows one in full, or the steps of a run."""

    NAME = "history"
    VERBS = ("service history", "service notes")

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self._moments: dict[str, Moment] = {}

    def compose(self) -> ComposeResult:
        yield StatusLines()
        yield Listing(self.list)

    def table(self) -> Table:
        return Table(COLUMNS, noun="events", empty="Nothing has happened to this service yet.", lines=2)

    def source(self) -> RowSource:
        return FreshRows(self._rows, COLUMNS)

    def show(self, found: VmDetails) -> None:
        super().show(found)
        self.query_one(StatusLines).said = tuple(_said(found.notes))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        moment = self._moments.get(str(message.key))
        if moment is not None and moment.run_id is not None and moment.kind == "run":
            self._open_run(moment.run_id)
        elif moment is not None:
            self.app.push_screen(Notice(moment.what, story(moment)))

    def _open_run(self, run_id: int) -> Worker[None]:
        return self.run_worker(self._run(run_id), group="dialog", exclusive=True)

    async def _run(self, run_id: int) -> None:
        def read() -> Sequence[RunView]:
            return runs(vm_id_of_service(self.service_id), run_id)

        found = await self.in_thread(read)
        if found is not None:
            name = f"{with_service(self.found.vm.name if self.found else '', self.service_id)}, run {run_id}"
            self.app.push_screen(RunLog(name, found, self.service_id, read))

    def _rows(self) -> Sequence[TableRow]:
        found = history_of(self.service_id, MOST)
        self._moments = {_key(each): each for each in found}
        older = f"… older ones: kvmtui service history {self.service_id} --limit 10000"
        rest = [TableRow("older", (Cell(older, "muted"),), wide=True)] if len(found) == MOST else []
        return [*map(row, found), *rest]


def row(moment: Moment) -> TableRow:
    """The line of a moment; what failed says why below."""
    sign, tone = SIGNS.get(moment.result, "[ ]"), TONES.get(moment.result, "")
    return TableRow(
        _key(moment),
        (
            Cell(at(moment.at), "muted", ago(moment.at)),
            Cell(moment.what, "" if moment.kind == "run" else "accent", moment.detail),
            Cell(moment.who, "muted"),
            Cell(f"{sign} {moment.result}", tone),
        ),
    )


def story(moment: Moment) -> str:
    """Everything about a moment, to be read in full."""
    return "\n".join(
        (
            f"When    {at(moment.at)} UTC, {ago(moment.at)}",
            f"Who     {moment.who}",
            f"What    {moment.what}, {_KINDS[moment.kind]}",
            f"Result  {moment.result}",
            f"\n{moment.detail}" if moment.detail else "",
        )
    )


def _key(moment: Moment) -> str:
    return "-".join(map(str, moment.place))


def _said(notes: str) -> Iterator[Said]:
    lines = [line for line in notes.splitlines() if line.strip()]
    if not lines:
        yield "No notes. # adds some.", "muted"
        return
    left = len(lines) - 1
    more = f" (and {counted(left, 'more lines')})" if left else ""
    yield f"Notes: {lines[0]}{more} · # shows and changes them", ""
