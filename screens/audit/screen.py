"""Audit: who changed what, when and from where; searched, ordered and paged by the database.

The filter takes words that stand anywhere in a change, and `who:`, `what:`, `object:`, `since:` and `until:`. Enter
shows a change with its values before and after; secrets were masked before they were kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Static
from textual.worker import Worker

from engine import audit
from engine.errors import Refused
from engine.queries.audit import SORTS, AuditQuestion, AuditView, asked, count, one, page, position
from engine.queries.changes import ValueChange, in_words, shown
from screens.common.bindings import bindings
from screens.common.text import text
from screens.common.times import at
from screens.framework.list_screen import ListScreen
from screens.widgets.dialogs import Notice
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, Key, RowSource, TableRow, View
from screens.widgets.table import Table

COLUMNS = (
    Column("at", "When (UTC)", 19),
    Column("login", "Who", 10, 2, grow=True),
    Column("action", "Did", 14, 1),
    Column("about", "To what", 18, 1, grow=True),
    Column("result", "Result", 8, 3),
    Column("source", "Through", 8, 4),
    Column("changed", "Changed", 24, 5, grow=True, sortable=False),
    Column("from", "From", 15, 6, sortable=False),
    Column("reason", "Reason", 16, 7, grow=True, sortable=False),
)
_HINT = " / finds words, and who:NAME what:ACTION object:vm:5546 since:7d until:2026-04-30"
_EMPTY = "Nothing was changed yet.\nWhat anybody changes is kept here."


class AuditScreen(ListScreen):
    """Every change there was, the newest first."""

    NAME = SCOPE = "audit"
    BINDINGS = bindings("audit")
    COMMAND = "kvmtui audit"

    def compose(self) -> ComposeResult:
        yield Static(text(_HINT), id="audit-hint", markup=False)
        yield Listing(self.list)

    def table(self) -> Table:
        return Table(COLUMNS, noun="changes", empty=_EMPTY)

    def source(self) -> RowSource:
        return AuditRows()

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        if isinstance(message.key, int):
            self.run_worker(self._open(message.key), group="read", exclusive=True)

    async def _open(self, audit_id: int) -> None:
        found = await self.in_thread(lambda: one(audit_id))
        if found is not None:
            self.app.push_screen(_detail(found))

    def do_verify(self) -> Worker[None]:
        return self.run_worker(self._verify(), group="dialog", exclusive=True)

    async def _verify(self) -> None:
        """Walks along the whole trail, which takes a while when it is long."""
        verdict = await self.in_thread(audit.verify)
        if verdict is None:
            return
        if not verdict.faults:
            words = f"All {verdict.rows} rows follow each other, and none was altered."
            self.app.push_screen(
                Notice("The trail is whole", f"{words}\nNewest hash: {verdict.newest_hash or '—'}")
            )
            return
        words = "\n".join(verdict.faults[:50])
        self.app.push_screen(
            Notice(f"The trail is broken in {len(verdict.faults)} places", words, danger=True)
        )

    def commands(self) -> list[str]:
        return [*_same(self.list.view), "kvmtui audit verify"]


def _same(view: View) -> list[str]:
    """The command line that finds what the filter finds."""
    try:
        question = asked(view.filter)
    except Refused:
        return ["kvmtui audit"]
    given = [each for each in view.filter.split() if each.startswith(("since:", "until:"))]
    options = [("--who", question.who), ("--what", question.what), ("--object", question.object)]
    options += [(f"--{name}", value) for name, _, value in (each.partition(":") for each in given)]
    options.append(("--text", f"'{question.text}'" if question.text else ""))
    return [" ".join(["kvmtui audit", *(f"{name} {value}" for name, value in options if value)])]


@dataclass(frozen=True)
class AuditRows:
    """Rows of the trail, read a page at a time; a filter that is not known is refused when they are read."""

    view: View = field(default_factory=View)
    inline: ClassVar[bool] = False

    @property
    def question(self) -> AuditQuestion:
        """What is looked for; without an order the newest come first."""
        view = self.view
        sort = view.sort if view.sort in SORTS else "id"
        return replace(asked(view.filter), sort=sort, descending=view.descending if view.sort else True)

    def count(self) -> int:
        """How many changes fit."""
        return count(self.question)

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        """A stretch of them."""
        return [_row(each) for each in page(self.question, offset, limit)]

    def index_of(self, key: Key) -> int | None:
        """Index of a change in the list; None when it is not in it."""
        return position(self.question, key) if isinstance(key, int) else None

    def seen(self, view: View) -> RowSource:
        """The same changes as they are looked at."""
        return AuditRows(view)


def _row(each: AuditView) -> TableRow:
    good = each.result == "done"
    return TableRow(
        each.id,
        (
            *(at(each.at), each.login, each.action, each.about),
            Cell(each.result if good else f"! {each.result}", "" if good else "error"),
            *(each.source, in_words(each.kind, each.before, each.after), each.ssh_client, each.reason),
        ),
    )


def _detail(view: AuditView) -> Notice:
    """One change: who, when, from where, why, and every value before and after."""
    changed = [_line(each) for each in view.changes] or ["= No value was changed."]
    return Notice(f"{view.action}: {view.about}", "\n".join([*_facts(view), "", *changed]))


def _facts(view: AuditView) -> Iterator[str]:
    yield f"When     {at(view.at)} UTC, row {view.id}"
    yield f"Who      {view.who}, through {view.source}"
    yield f"Result   {view.result}"
    yield f"Reason   {view.reason or '—'}"
    if view.circumstances:
        yield "Then     " + ", ".join(f"{name} {shown(value)}" for name, value in view.circumstances.items())


def _line(each: ValueChange) -> str:
    if each.old is None:
        return f"+ {each.name}: {shown(each.new)}"
    return f"{'-' if each.new is None else '~'} {each.name}: {shown(each.old)} → {shown(each.new)}"
