"""What every screen of the console is: a widget between the tabs and the footer, not a Textual `Screen`.

    class PoolsScreen(ListScreen):
        NAME = SCOPE = "pools"
        BINDINGS = bindings("pools")
        COMMAND = "kvmtui pool list"
        def table(self) -> Table: ...                 # columns, noun and what to do when it is empty
        def source(self) -> RowSource: ...            # or rows; called once, and again on every change

A screen is mounted when it is opened and removed when it is left; what must survive is in its `Memory`. It never
polls: `reread` is called for events, and when the operator refreshes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, cast, runtime_checkable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from engine.audit import Actor, current_actor
from screens.common.bindings import ActionMixin
from screens.common.memory import MOST_MARKS, Memory
from screens.common.times import ago
from screens.widgets.listing import Listing
from screens.widgets.reader import sentence
from screens.widgets.rows import RowSource, TableRow, View
from screens.widgets.table import Table

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What came over the bus since the last look: kinds of events, and the services they are about."""

    kinds: frozenset[str] = frozenset()
    services: frozenset[int] = frozenset()


@runtime_checkable
class Rereads(Protocol):
    """What receives events: a screen, and a dialog that shows live data."""

    def reread(self, batch: EventBatch | None = None) -> None:
        """Reloads what is shown; None means that the operator requested a full reload."""


def actor() -> Actor:
    """Who acts through this console."""
    return current_actor("console")


class BaseScreen(ActionMixin, Vertical):
    """A part of the console with a name; `reread` brings it up to date."""

    NAME: ClassVar[str] = ""

    class Shown(Message):
        """The screen shows its data, or why not; deferred work can begin now."""

    def reread(self, batch: EventBatch | None = None) -> None:
        """Reloads what is shown; None means that the operator requested a full reload."""

    def back(self) -> bool:
        """Goes one step back inside the screen; False when there is none, and the screen itself is left."""
        return False

    def cut_off(self) -> None:
        """Says how old what is shown is: the database does not answer. Called again while that lasts."""

    @property
    def memory(self) -> Memory:
        """What the console remembers."""
        return cast(Memory, cast(Any, self.app).memory)

    async def beside(self, work: Callable[[], T]) -> T | None:
        """Runs work outside the UI thread; an error is shown as a sentence, and None is returned.

        It returns only while the screen is open: closing the screen cancels whoever waits.
        """
        found = None
        try:
            found = await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.notify(sentence(error), severity="error", markup=False, timeout=10)
        if not self.display:
            raise asyncio.CancelledError
        return found


class ListScreen(BaseScreen):
    """A screen with one list; its view, cursor and marks are kept between starts."""

    COMMAND: ClassVar[str] = ""

    def table(self) -> Table:
        """The empty table: columns, noun, and what to do when there is nothing."""
        raise NotImplementedError

    def source(self) -> RowSource | Iterable[TableRow]:
        """Where the rows come from, as of now."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__(id=f"place-{self.NAME}")
        self.list = self.table()

    def compose(self) -> ComposeResult:
        yield Listing(self.list)

    def on_mount(self) -> None:
        self.recall(self.memory.of(self.NAME))
        self.list.show(self.source())
        self.list.focus()

    def on_unmount(self) -> None:
        self.remember()

    def reread(self, batch: EventBatch | None = None) -> None:
        self.list.reload()

    def back(self) -> bool:
        return self.list.clear_step()

    def cut_off(self) -> None:
        self.list.stale(f"as of {ago(self.list.read_at)}" if self.list.read_at else "")

    def remember(self) -> None:
        """Keeps how the list is looked at."""
        self.memory.keep(self.NAME, self.notes())

    def notes(self) -> dict[str, Any]:
        """What is worth keeping for the next start; JSON values."""
        view, key = self.list.view, self.list.cursor_key
        return {
            "filter": view.filter,
            "sort": view.sort,
            "descending": view.descending,
            "cursor": key if isinstance(key, int | str) else None,
            "marks": [mark for mark in self.list.marks if isinstance(mark, int | str)][:MOST_MARKS],
        }

    def recall(self, notes: dict[str, Any]) -> None:
        """Takes up notes of an earlier time; what cannot be understood is passed over."""
        view = View(str(notes.get("filter", "")), str(notes.get("sort", "")), bool(notes.get("descending")))
        marks, cursor = notes.get("marks"), notes.get("cursor")
        known = [mark for mark in marks if isinstance(mark, int | str)] if isinstance(marks, list) else []
        self.list.recall(view, cursor if isinstance(cursor, int | str) else None, known)

    def on_table_view_changed(self, message: Table.ViewChanged) -> None:
        message.stop()
        self.remember()

    def commands(self) -> list[str]:
        """The command lines that do the same as this screen."""
        return [self.COMMAND]

    def do_command(self) -> None:
        from screens.widgets.dialogs import Notice

        self.app.copy_to_clipboard(self.commands()[0])
        words = "\n".join(self.commands()) + "\n\nThe first line is on the clipboard."
        self.app.push_screen(Notice("The same on the command line", words))

    def do_export(self) -> None:
        from screens.framework import export

        export.ask(self, self.NAME, self.list)
