"""A table with its filter line: `/` opens it, every key narrows the list, esc brings everything back."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical

from screens.widgets.prompt import Prompt
from screens.widgets.table import Table


class Listing(Vertical):
    """What a screen with a list mounts: `Listing(Table(columns, noun="pools"))`."""

    def __init__(self, table: Table, *, hint: str = "", id: str | None = None) -> None:  # noqa: A002
        """`hint` says what the filter takes."""
        super().__init__(id=id)
        self.table = table
        self._prompt = Prompt("/", hint or f"show only {table.noun} that contain")

    def compose(self) -> ComposeResult:
        yield self.table
        yield self._prompt

    def on_table_filter_wanted(self, message: Table.FilterWanted) -> None:
        message.stop()
        self._prompt.open(self.table.view.filter)

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        message.stop()
        self.table.look(replace(self.table.view, filter=message.value))

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        message.stop()
        if not message.kept:
            self.table.look(replace(self.table.view, filter=""))
        self.table.focus()
