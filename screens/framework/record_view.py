"""A record of the site, read-only, with everything that hangs on it: what enter shows in every list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from engine.forms import KEEP
from screens.common.text import block, pasteable, plain
from screens.widgets.dialogs import Dialog
from screens.widgets.fields import FormField
from screens.widgets.listing import Listing
from screens.widgets.rows import Column, RowSource, TableRow
from screens.widgets.rule import TitledRule
from screens.widgets.table import Table

EDIT = "edit"
_TITLE = 28
RecordSection = tuple[str, Sequence[str]]
"""A heading, empty for none, and the lines below it."""


@dataclass(frozen=True, slots=True)
class Related:
    """The rows that hang on a record, and which service a row leads to."""

    columns: Sequence[Column]
    source: RowSource
    noun: str
    empty: str
    service_of: Callable[[TableRow], int | None]
    about: str = ""
    """A line above the rows, such as the usage of a pool."""


class RecordView(Dialog[str | int]):
    """Answers with `EDIT`, or with the service whose VM is to be opened; None when it was closed."""

    AUTO_FOCUS = "Table, VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("E", "edit", "Edit", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(
        self,
        title: str,
        sections: Sequence[RecordSection],
        related: Related | None,
        *,
        editable: bool = True,
        opens: str = "the VM",
    ) -> None:
        """`opens` is what enter on a related row leads to."""
        keys = f"{'E edits · ' if editable else ''}y copies · esc closes"
        super().__init__(title, f"enter opens {opens} · / filters · {keys}" if related else keys)
        self._editable = editable
        self._sections, self._related = tuple(sections), related
        self.table: Table | None = None
        if related is not None:
            self.table = Table(related.columns, noun=related.noun, empty=related.empty)
            self.add_class("with-rows")

    def body(self) -> Iterable[Widget]:
        parts: list[Widget] = []
        for title, lines in self._sections:
            parts += [TitledRule(title, classes="form-section")] if title else []
            parts.append(Static(block("\n".join(lines), most=2_000)))
        yield VerticalScroll(*parts, classes="record-fields", can_focus=self.table is None)
        if self.table is not None and self._related is not None:
            if self._related.about:
                yield Static(block(self._related.about), classes="record-about")
            yield Listing(self.table)

    def on_mount(self) -> None:
        if self.table is not None and self._related is not None:
            self.table.show(self._related.source)

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        row = self.table.current if self.table is not None else None
        service_id = self._related.service_of(row) if row is not None and self._related is not None else None
        if service_id is None:
            self.notify("No VM belongs to this row.", severity="warning", markup=False)
        else:
            self.dismiss(service_id)

    def action_leave(self) -> None:
        """Clears the filter of the rows, or closes."""
        if self.table is None or not self.table.clear_step():
            self.dismiss(None)

    def action_edit(self) -> None:
        """Leads to the form of the record."""
        if not self._editable:
            return
        if getattr(self.app, "read_only", False):
            self.notify("Read-only console: nothing can be edited.", severity="warning", markup=False)
        else:
            self.dismiss(EDIT)

    def action_copy(self) -> None:
        """Copies the fields."""
        self.app.copy_to_clipboard("\n".join(pasteable(each) for each in self._words()))
        self.notify("The record is on the clipboard.", markup=False, timeout=2)

    def _words(self) -> Iterator[str]:
        for title, lines in self._sections:
            yield from ([title] if title else [])
            yield from (f"{'  ' if title else ''}{line}" for line in lines)


def sections_of(fields: Sequence[FormField], values: Mapping[str, object]) -> list[RecordSection]:
    """The fields of a record and their values under their headings, without secrets."""
    found: dict[str, list[str]] = {}
    for each in fields:
        if each.asked(values):
            line = f"{each.title:<{_TITLE}} {shown(values.get(each.name))}"
            found.setdefault(each.section, []).append(line)
    return list(found.items())


def shown(value: Any) -> str:
    """A value as a reader takes it."""
    if value == KEEP:
        return "(set)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return plain(", ".join(str(each) for each in value)) or "—"
    return plain("—" if value in (None, "") else value)
