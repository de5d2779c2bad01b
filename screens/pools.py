"""IP pools: how full they are, the reverse zone each needs, and who has which address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.pools import create_pool, delete_pool, put_pool
from engine.forms import PoolForm, checked
from engine.queries.pools import held, pool_values, pools, reverse_zone
from engine.queries.refs import names_of
from screens.habits import bindings
from screens.place import actor
from screens.records import Hint, RecordsPlace
from screens.widgets.bar import share
from screens.widgets.dialogs import Notice
from screens.widgets.rows import Column, Row


class PoolsPlace(RecordsPlace):
    """The address pools of the site."""

    NAME = SCOPE = "pools"
    BINDINGS = bindings("pools")
    COMMAND = "kvmtui pool list"
    NOUN = "pool"
    EMPTY = "No pool yet.\nPress a to add a range of addresses; it needs a server (6)."
    FORMS = (PoolForm,)
    COLUMNS = (
        Column("start", "From", 15, grow=True),
        Column("stop", "To", 15, 3, grow=True),
        Column("used", "Used", 19),
        Column("server", "Server", 10, 2, grow=True),
        Column("bridge", "Bridge", 7, 4),
        Column("zone", "Reverse zone", 24, 2, grow=True),
    )

    def rows(self) -> Sequence[Row]:
        return [
            Row(
                each.id,
                (
                    *(each.start, each.stop, share(each.used, each.total)),
                    *(each.server, each.bridge, each.rdns_zone),
                ),
            )
            for each in pools()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return pool_values(key)

    def choices(self) -> dict[str, Sequence[str]]:
        return {"server": names_of("server")}

    def hint(self) -> tuple[str, Hint] | None:
        return "gateway", _reverse

    def save(self, values: dict[str, Any], key: Any) -> Any:
        form = checked(PoolForm, values)
        return create_pool(form, actor()) if key is None else put_pool(form, actor(), key)

    def delete(self, key: Any) -> None:
        delete_pool(key, actor())

    def name_of(self, key: Any) -> str:
        row = self.list.current
        return row.cell(0).text if row is not None and row.key == key else str(key)

    def opened(self, key: Any) -> None:
        """Enter shows who has which address."""
        self.run_worker(self._held(key), group="held", exclusive=True)

    async def _held(self, key: int) -> None:
        found = await self.beside(lambda: held(key))
        if found is not None:
            lines = [f"{each.address}  {each.state}  {each.service_id or '—'}  {each.name}" for each in found]
            words = "\n".join(lines) or "Every address of this pool is free."
            self.app.push_screen(Notice("Who has which address (the first 1000)", words))


def _reverse(values: dict[str, object]) -> str:
    zone = reverse_zone(str(values.get("gateway") or ""), values.get("mask"))
    return f"Reverse zone: {zone}" if zone else ""
