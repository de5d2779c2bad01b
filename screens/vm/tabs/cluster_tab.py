"""A tab that lists what the cluster holds for a VM, below what its product allows and what is running.

    class SnapshotsTab(ClusterTab):
        NAME = SCOPE = "snapshots"
        def items(self) -> Sequence[SnapshotView]: ...          # queries the cluster, in the background
        def lacking(self, allowed: Allowance) -> str: ...       # why there is nothing to ask for
        def about(self, reading: Reading) -> Iterator[Said]: ...
        def row(self, item, reading: Reading) -> Row: ...

The cluster is queried once, and again when a run of this VM begins or ends; a filter does not query it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.message import Message
from textual.worker import Worker

from engine.actions.requests import Queued
from engine.queries.allowance import Allowance, allowance
from engine.queries.refs import name_of_service
from screens.common.actions import Action
from screens.framework.commands import results_of, show_results
from screens.framework.live_rows import FreshRows
from screens.framework.screen import EventBatch
from screens.vm.details import VmDetails
from screens.vm.tabs.forms import asked_schedule
from screens.vm.tabs.status_lines import Said, StatusLines, queued, work
from screens.vm.tabs.tab import ListTab
from screens.widgets.dialogs import Confirm, Notice, TypeName
from screens.widgets.listing import Listing
from screens.widgets.rows import Column, Key, RowSource, TableRow
from screens.widgets.table import Table

_TELLING = frozenset({"run", "change", "vm"})
"""Kinds of events after which the cluster may hold something else."""


@dataclass(frozen=True, slots=True)
class ClusterReading:
    """One reading: the allowance, what the cluster holds, and why it could not be queried."""

    allowed: Allowance
    items: tuple[Any, ...] = ()
    schedule: Any = None
    warning: str = ""
    lacking: str = ""


class ClusterTab(ListTab):
    """One kind of thing the cluster has of a VM."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    NOUN: ClassVar[str] = ""
    ONE: ClassVar[str] = ""
    EMPTY: ClassVar[str] = ""
    LINES: ClassVar[int] = 2
    PIPELINES: ClassVar[tuple[str, ...]] = ()
    """The pipelines whose last run is shown above the list."""

    @dataclass
    class Read(Message):
        """The cluster has answered."""

        reading: ClusterReading

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        self.reading: ClusterReading | None = None
        self._asked = 0
        self._kept: tuple[int, ClusterReading] | None = None

    def compose(self) -> ComposeResult:
        yield StatusLines()
        yield Listing(self.list)

    def table(self) -> Table:
        return Table(self.COLUMNS, noun=self.NOUN, empty=self.EMPTY, lines=self.LINES)

    def source(self) -> RowSource:
        return FreshRows(self._rows, self.COLUMNS)

    # What a kind of thing answers

    def items(self) -> Sequence[Any]:
        """Queries the cluster; called in the background."""
        raise NotImplementedError

    def key(self, item: Any) -> str:
        """By which word the engine knows a thing."""
        raise NotImplementedError

    def lacking(self, allowed: Allowance) -> str:
        """Why there is nothing to ask the cluster for; empty when there is."""
        raise NotImplementedError

    def schedule(self) -> Any:
        """When the schedule makes the next one; None without a schedule."""
        return None

    def warning(self) -> str:
        """What is wrong with the schedule; empty when nothing is."""
        return ""

    def about(self, reading: ClusterReading) -> Iterator[Said]:
        """The sentences about plan and schedule."""
        raise NotImplementedError

    def row(self, item: Any, reading: ClusterReading) -> TableRow:
        """The line of a thing."""
        raise NotImplementedError

    def story(self, item: Any) -> str:
        """Everything about a thing, to be read in full."""
        raise NotImplementedError

    # Reading

    def reread(self, batch: EventBatch | None = None) -> None:
        mine = batch is None or (self.service_id in batch.services and batch.kinds & _TELLING)
        if mine:
            self._asked += 1
            self.list.reload()

    def _rows(self) -> Sequence[TableRow]:
        """The rows of the newest reading; reads again after an event or a failure."""
        asked = self._asked
        if self._kept is None or self._kept[0] != asked:
            self._kept = (asked, self._read())
            self.post_message(self.Read(self._kept[1]))
        reading = self._kept[1]
        return [self.row(item, reading) for item in reading.items]

    def _read(self) -> ClusterReading:
        allowed = allowance(self.service_id)
        lacking = _no_vm(allowed) or self.lacking(allowed)
        items = () if lacking else tuple(self.items())
        return ClusterReading(allowed, items, self.schedule(), self.warning(), lacking)

    def on_cluster_tab_read(self, message: Read) -> None:
        message.stop()
        self.reading = message.reading
        self.list.empty = self.reading.lacking or self.EMPTY
        gone = self.list.marks - {self.key(item) for item in self.reading.items}
        if gone:
            self.list.marks -= gone
        self.list.refresh()
        self._say()
        self.refresh_bindings()

    def show(self, found: VmDetails) -> None:
        super().show(found)
        self._say()

    def _say(self) -> None:
        reading, found = self.reading, self.found
        said: list[Said | None] = []
        if reading is not None and not reading.lacking:
            said += self.about(reading)
        if reading is not None and reading.warning:
            said.append((f"[!] {reading.warning}", "warn"))
        if reading is not None:
            said.append(queued(reading.allowed.queue))
        if found is not None:
            said.append(work(found.runs, self.PIPELINES))
        self.query_one(StatusLines).said = tuple(each for each in said if each is not None)

    def notes(self) -> dict[str, Any]:
        """Marks and cursor belong to one VM; they are not restored for another."""
        return {**super().notes(), "marks": [], "cursor": None}

    # Asking

    def refusal(self, asked: Action) -> str | None:
        if asked.changes and self.reading is not None and self.reading.lacking:
            return self.reading.lacking.replace("\n", " ")
        return None

    @property
    def chosen(self) -> tuple[Any, ...]:
        """The things that are marked, or the one under the cursor, in their order on the cluster."""
        keys: frozenset[Key] = frozenset(self.list.chosen)
        there = self.reading.items if self.reading is not None else ()
        return tuple(item for item in there if self.key(item) in keys)

    def one(self) -> Any:
        """The item of an action that takes exactly one; notifies otherwise."""
        chosen = self.chosen
        if len(chosen) == 1:
            return chosen[0]
        words = f"Put the cursor on a {self.ONE} first." if not chosen else "Press u to clear marks."
        self.warn(words if not chosen else f"This is for one {self.ONE}; {words}")
        return None

    def warn(self, words: str) -> None:
        """Says why something was not done."""
        self.notify(words, severity="warning", markup=False)

    def asking(self, work: Any) -> Worker[None]:
        """Asks the operator in the background."""
        return self.run_worker(work, group="dialog", exclusive=True)

    async def ask_days(self, what: str, request: Callable[[list[str], str], Queued]) -> None:
        """Asks for the days of the schedule, and requests the change."""
        answers = await asked_schedule(self.app, what, self.reading.schedule if self.reading else None)
        if answers is not None:
            await self.ask_for(partial(request, *answers))

    async def ask_for(self, request: Callable[[], Queued]) -> None:
        """Sends one request to the engine and shows its answer."""
        answers = await asyncio.to_thread(lambda: [results_of(self.service_id, lambda _: request())])
        show_results(self, answers)

    async def ask_each(self, names: Sequence[str], request: Callable[[str], Queued]) -> None:
        """Asks the engine for the same at each of these; one answer is a line, several are a report."""

        def ask(name: str) -> tuple[bool, str]:
            done, words = results_of(self.service_id, lambda _: request(name))
            return done, words if len(names) == 1 else f"{name}: {words}"

        answers = await asyncio.to_thread(lambda: [ask(name) for name in names])
        self.list.do_unmark()
        show_results(self, answers)

    async def sure(self, question: str, details: str, yes: str) -> bool:
        """Asks before something is destroyed."""
        return await self.app.push_screen_wait(Confirm(question, details, yes=yes, danger=True)) is True

    async def vm_name(self) -> str | None:
        """The name of the VM, which must be typed before something that cannot be undone."""
        return await self.in_thread(lambda: name_of_service(self.service_id))

    async def typed(self, question: str, name: str, consequences: Sequence[str]) -> bool:
        """True when the name of the VM was typed."""
        return await self.app.push_screen_wait(TypeName(question, name, consequences)) is True

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        there = self.reading.items if self.reading is not None else ()
        item = next((each for each in there if self.key(each) == message.key), None)
        if item is not None:
            self.opened(item)

    def opened(self, item: Any) -> None:
        """What enter does: everything about it, in full."""
        self.app.push_screen(Notice(f"{self.ONE.capitalize()} {self.key(item)}", self.story(item)))


def _no_vm(allowed: Allowance) -> str:
    if allowed.exists:
        return ""
    if allowed.vm_status == "remove":
        return "The VM is gone; only its record is still here."
    return f"The VM is not on Proxmox yet ({allowed.vm_status}).\nThe Log tab shows how far it is."
