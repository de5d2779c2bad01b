"""The log of one VM in a dialog: its runs, newest first, updated live.

The failing step is on top in red. The cursor follows the newest line while it is on it; `f` freezes the log and follows
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from engine.queries.runs import RunView
from screens.common.errors import sentence
from screens.common.text import block, plain, text
from screens.framework.screen import EventBatch
from screens.vm.run_lines import ALIVE, RunTable, failure, run_of
from screens.widgets.dialogs import Dialog
from screens.widgets.table import Table

Read = Callable[[], Sequence[RunView]]
_KEYS = "enter opens or closes a run · G follows or holds · y copies · esc closes"
_GUTTER = 3


class RunLog(Dialog[None]):
    """Runs as lines; enter opens one to its steps, and closes it again."""

    AUTO_FOCUS = "Table"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("G,f", "follow", "Follow", show=False)]

    def __init__(self, name: str, found: Sequence[RunView], service_id: int, read: Read) -> None:
        super().__init__(f"Log of {plain(name)}", _KEYS)
        self._runs, self._service_id, self._read = tuple(found), service_id, read
        self._open = {found[0].id} if found else set()
        self._held = self._missed = False
        self._error = ""
        self.table = RunTable()
        self._banner = Static("", classes="run-error", markup=False)
        self._below = Static("", classes="run-state", markup=False)

    def body(self) -> Iterable[Widget]:
        yield self._banner
        yield self.table
        yield self._below

    def on_mount(self) -> None:
        self._redraw()
        self.call_after_refresh(self._begin)

    def on_resize(self) -> None:
        self.call_after_refresh(self._redraw)

    def reread(self, batch: EventBatch | None = None) -> None:
        """Reloads on events of this VM; while frozen, it only shows that there are new lines."""
        if batch is not None and self._service_id not in batch.services:
            return
        if self._held:
            self._missed = True
            self._say()
        else:
            self.run_worker(self._again(), group="runs", exclusive=True)

    def action_follow(self) -> None:
        """Freezes the log, or follows the newest line again."""
        self._held = not self._held
        self._say()
        if not self._held:
            self._missed = False
            self.table.do_last_of_newest()
            self.reread()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self._open ^= {run_of(message.key)}
        self._redraw()

    def _begin(self) -> None:
        """Once the width is known: wraps the lines and puts the cursor on the newest one."""
        self._redraw()
        if self._runs and self._runs[0].result in ALIVE:
            self.table.do_last_of_newest()

    async def _again(self) -> None:
        try:
            found = tuple(await asyncio.to_thread(self._read))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self._error = sentence(error)
            self._say()
            return
        self._error = ""
        at_end = self.table.at_last_of_newest
        if found and (not self._runs or found[0].id != self._runs[0].id):
            self._open.add(found[0].id)
        self._runs = found
        self._redraw()
        if at_end:
            self.table.do_last_of_newest()

    def _redraw(self) -> None:
        failing = failure(self._runs)
        self._banner.display = bool(failing)
        self._banner.update(block(failing))
        self.table.show_runs(
            self._runs, self._open, (self.table.size.width or self.app.size.width - 6) - _GUTTER
        )
        self._say()

    def _say(self) -> None:
        if self._error:
            words = f"[-] {self._error}"
        elif self._held:
            words = "[=] Held" + (
                ": new lines since then; G shows them" if self._missed else "; G follows again"
            )
        else:
            words = "[>] It is brought up to date while this is open"
        self._below.update(text(words))
