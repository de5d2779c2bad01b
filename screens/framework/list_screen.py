"""A screen with one list.

class PoolsScreen(ListScreen):
    NAME = SCOPE = "pools"
    BINDINGS = bindings("pools")
    COMMAND = "kvmtui pool list"
    def table(self) -> Table: ...                 # columns, noun and what to do when it is empty
    def source(self) -> RowSource: ...            # or rows; called once, and again on every change
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from textual.app import ComposeResult

from screens.common.memory import MOST_MARKS
from screens.common.times import ago
from screens.framework.screen import BaseScreen, EventBatch
from screens.widgets.listing import Listing
from screens.widgets.rows import RowSource, TableRow, View
from screens.widgets.table import Table


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
