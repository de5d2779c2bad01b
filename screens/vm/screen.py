"""The page of one VM: its state, always visible, and below it the open tab."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from textwrap import wrap
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive
from textual.worker import Worker

from engine.actions.notes import set_notes
from engine.queries.allowed import VmState
from engine.queries.notes import notes_of
from screens.common.bindings import bindings
from screens.common.coalesced import CoalescedRead
from screens.common.text import plain, with_service
from screens.common.times import age, ago
from screens.framework.commands import Commands
from screens.framework.notes import NotesDialog
from screens.framework.screen import BaseScreen, EventBatch, actor
from screens.services.commands import ServiceCommands
from screens.vm.commands import VmCommands
from screens.vm.details import VmDetails, known
from screens.vm.run_lines import failure
from screens.vm.status import state_of, status
from screens.vm.tabs.tab import TABS, ListTab, Tab, TabLine, make
from screens.widgets.state import StateMessage
from screens.widgets.tabrow import TabName, TabRow
from screens.widgets.toned import Toned

_MOST_LINES = 4


class Head(Toned):
    """Name and status of the VM, its error, or what it waits for."""

    found: reactive[VmDetails | None] = reactive(None, layout=True)

    def render(self) -> Text:
        if self.found is None:
            return Text()
        return Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines(self.found))

    def _lines(self, found: VmDetails) -> Iterator[Text]:
        vm, stands = found.vm, status(found.vm)
        line = self.toned(
            (f"{vm.service_id}  {vm.fqdn or vm.name or 'no name yet'}", "accent"),
            (f"   {stands.text}", stands.tone),
            (f"  {stands.below}", "muted"),
            (f" · {vm.service_status} · {vm.product} · {vm.client}", ""),
        )
        line.truncate(self._width, overflow="ellipsis")
        yield line
        if found.suspension is not None:
            held = found.suspension
            why = f": {held.reason}" if held.reason else ", no reason was given"
            yield from self._wrapped(f"[=] suspended by {held.who} {ago(held.since)}{why}", "warn")
        if vm.error:
            yield from self._wrapped(failure(found.runs) or f"[-] {vm.error}", "error")
        if vm.waiting:
            yield from self._wrapped(f"[~] waits for {age(vm.waiting_since)}: {vm.waiting}", "busy")

    @property
    def _width(self) -> int:
        return max(40, (self.size.width or self.app.size.width) - 2)

    def _wrapped(self, words: str, tone: str) -> Iterator[Text]:
        for line in wrap(plain(words), self._width)[:_MOST_LINES]:
            yield self.toned((line, tone))


class VmScreen(BaseScreen):
    """The page of one VM."""

    NAME = "vm"
    SCOPE = "page"
    BINDINGS = bindings("page")

    def __init__(self, service_id: int) -> None:
        super().__init__(id="place-vm")
        self.service_id = service_id
        self._found: VmDetails | None = None
        self._reading = CoalescedRead(self, self._read)

    def compose(self) -> ComposeResult:
        yield Head(id="vm-head")
        yield TabRow([TabName(each.name, each.label) for each in TABS], self._remembered().name)
        with ServiceCommands(self._chosen, self._known), VmCommands(self._chosen, self._known):
            yield StateMessage("loading", id="vm-state")
            yield Vertical(id="vm-body")

    async def on_mount(self) -> None:
        self.query_one("#vm-state").display = False
        await self._open(self._remembered())
        self.reread()

    @property
    def tab(self) -> Tab | ListTab | None:
        """The tab that is open."""
        there = (each for body in self.query("#vm-body") for each in body.children)
        return next((each for each in there if isinstance(each, Tab | ListTab)), None)

    def back(self) -> bool:
        return self.tab is not None and self.tab.back()

    # Turning the pages

    async def do_next(self) -> None:
        await self._turn(1)

    async def do_previous(self) -> None:
        await self._turn(-1)

    async def do_tab(self, name: str) -> None:
        await self._open(next(each for each in TABS if each.name == name))

    async def on_tab_row_chosen(self, message: TabRow.Chosen) -> None:
        message.stop()
        await self.do_tab(message.name)

    async def _turn(self, by: int) -> None:
        names = [each.name for each in TABS]
        now = names.index(self.query_one(TabRow).active)
        await self._open(TABS[(now + by) % len(TABS)])

    async def _open(self, line: TabLine) -> None:
        body, row = self.query_one("#vm-body"), self.query_one(TabRow)
        async with body.batch():
            await body.remove_children()
            fresh = make(line, self.service_id)
            await body.mount(fresh)
        row.show(line.name)
        self.memory.keep(self.NAME, {"tab": line.name})
        if self._found is not None:
            fresh.show(self._found)

    def _remembered(self) -> TabLine:
        notes: dict[str, Any] = self.memory.of(self.NAME)
        return next((each for each in TABS if each.name == notes.get("tab")), TABS[0])

    # What is known

    def reread(self, batch: EventBatch | None = None) -> None:
        if batch is not None and self.service_id not in batch.services:
            return
        self._reading.wanted(first=self._found is None)
        if (tab := self.tab) is not None:
            tab.reread(batch)

    async def _read(self) -> None:
        found = await self.in_thread(lambda: known(self.service_id))
        if not self.query("#vm-state"):  # the page was closed in between
            return
        state = self.query_one("#vm-state", StateMessage)
        state.display = found is None and self._found is None
        state.say(
            "error", f"Service {self.service_id} could not be shown.", "ctrl+r tries again · esc goes back."
        )
        if found is None:
            return
        self._found = found
        self.query_one(Head).found = found
        # the only list whose length is known without a call to the cluster
        self._count("addresses", len(found.vm.ips))
        for each in self.query(Commands):
            each.state_changed()
        if (tab := self.tab) is not None:
            tab.show(found)

    def _count(self, name: str, number: int) -> None:
        for row in self.query(TabRow):  # none while the screen is being closed
            row.count({name: number})

    def do_command(self) -> None:
        from screens.widgets.dialogs import Notice

        if (tab := self.tab) is not None:
            self.app.copy_to_clipboard(tab.commands()[0])
            words = "\n".join(tab.commands()) + "\n\nThe first line is on the clipboard."
            self.app.push_screen(Notice("The same on the command line", words))

    def do_notes(self) -> Worker[None]:
        return self.run_worker(self._notes(), group="dialog", exclusive=True)

    async def _notes(self) -> None:
        words = await self.in_thread(lambda: notes_of(self.service_id))
        if words is not None:
            write = partial(set_notes, actor(), self.service_id)
            name = self._found.vm.name if self._found is not None else ""
            dialog = NotesDialog(with_service(name, self.service_id), words, write)
            shown = await self.app.push_screen_wait(dialog)
            if shown:
                self.notify(shown, markup=False)
                self.reread(EventBatch(frozenset({"change"}), frozenset({self.service_id})))

    def do_export(self) -> None:
        if isinstance(tab := self.tab, ListTab):
            tab.do_export()
        else:
            self.notify("This tab is not a list; c shows the command that prints it.", markup=False)

    def _chosen(self) -> tuple[int, ...]:
        return (self.service_id,)

    def _known(self, service_id: int) -> VmState | None:
        return None if self._found is None else state_of(self._found.vm)
