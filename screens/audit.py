"""Audit: who changed what, and when; enter shows what was before and after."""

from __future__ import annotations

from collections.abc import Sequence

from engine.queries.audit import AuditView, newest
from screens.fresh import FreshRows
from screens.habits import bindings
from screens.moments import at
from screens.place import ListPlace
from screens.widgets.dialogs import Notice
from screens.widgets.rows import Column, Row, RowSource
from screens.widgets.table import Table

COLUMNS = (
    Column("at", "When (UTC)", 19),
    Column("login", "Who", 10, 2, grow=True),
    Column("action", "Did", 12),
    Column("about", "To what", 18, grow=True),
    Column("source", "Through", 8, 4),
    Column("result", "Result", 8, 3),
)


class AuditPlace(ListPlace):
    """The latest thousand changes."""

    NAME = SCOPE = "audit"
    BINDINGS = bindings("audit")
    COMMAND = "kvmtui audit"

    def table(self) -> Table:
        return Table(
            COLUMNS, noun="changes", empty="Nothing was changed yet.\nWhat anybody changes is kept here."
        )

    def source(self) -> RowSource:
        return FreshRows(_rows, COLUMNS)

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.run_worker(self._open(message.key), group="read", exclusive=True)

    async def _open(self, key: object) -> None:
        found = await self.beside(lambda: next((each for each in newest() if each.id == key), None))
        if found is not None:
            self.app.push_screen(Notice(f"{found.action} {found.about}", _words(found)))


def _rows() -> Sequence[Row]:
    return [
        Row(each.id, (at(each.at), each.login, each.action, each.about, each.source, each.result))
        for each in newest()
    ]


def _words(view: AuditView) -> str:
    names = sorted({*view.before, *view.after})
    lines = [f"{name}: {view.before.get(name, '—')} → {view.after.get(name, '—')}" for name in names]
    return "\n".join([f"{at(view.at)} {view.login} ({view.source})", f"Reason: {view.reason or '—'}", *lines])
