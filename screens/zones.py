"""DNS zones: which provider holds them, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions.names import test_zone
from engine.actions.zones import create_zone, delete_zone, put_zone
from engine.forms import CloudflareForm, HestiaForm, PowerDnsForm, zone_form
from engine.queries.site import zone_values, zones
from screens.habits import bindings
from screens.moments import ago
from screens.place import actor
from screens.records import RecordsPlace
from screens.widgets.dialogs import Notice
from screens.widgets.rows import Cell, Column, Row


class ZonesPlace(RecordsPlace):
    """The DNS zones of the site."""

    NAME = SCOPE = "zones"
    BINDINGS = bindings("zones")
    COMMAND = "kvmtui zone list"
    NOUN = "zone"
    EMPTY = "No DNS zone yet.\nPress a to add one, then t to test its provider."
    FORMS = (PowerDnsForm, CloudflareForm, HestiaForm)
    BY = "type"
    COLUMNS = (
        Column("zone", "Zone", 22, grow=True),
        Column("kind", "Kind", 7, 3),
        Column("type", "Provider", 10),
        Column("endpoint", "Where", 16, 4, grow=True),
        Column("ok", "Answered", 12, 2),
        Column("error", "Last error", 12, 5, grow=True),
    )

    def rows(self) -> Sequence[Row]:
        return [
            Row(
                each.id,
                (
                    *(each.zone, "reverse" if each.reverse else "forward", each.type, each.endpoint),
                    *(ago(each.last_ok), Cell(each.last_error, "error")),
                ),
            )
            for each in zones()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return zone_values(key)

    def save(self, values: dict[str, Any], key: Any) -> Any:
        form = zone_form(values)
        return create_zone(form, actor()) if key is None else put_zone(form, actor(), key)

    def delete(self, key: Any) -> None:
        delete_zone(key, actor())

    def name_of(self, key: Any) -> str:
        row = self.list.current
        return row.cell(0).text if row is not None and row.key == key else str(key)

    def do_test(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._test(key), group="check", exclusive=True)

    async def _test(self, key: int) -> None:
        self.notify("Asking the provider …", markup=False, timeout=3)
        report = await self.beside(lambda: test_zone(key))
        if report is not None:
            words = f"{report.sentence}\n{report.advice}".strip()
            self.app.push_screen(Notice(f"Zone {report.zone}", words, danger=not report.ok))
            self.reread()
