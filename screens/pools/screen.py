"""IP pools: usage, the reverse zone each needs, and the addresses in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.pools import create_pool, delete_pool, put_pool
from engine.actions.repository import PutResult
from engine.errors import Refused
from engine.forms import PoolForm
from engine.queries.pools import PoolView, pool_values, pools
from engine.queries.refs import names_of
from engine.queries.reverse import ReverseNeed, Zones, our_zones, reverse_need
from screens.common.bindings import bindings
from screens.framework.record_view import Related
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.widgets.bar import share
from screens.widgets.form import FormWidget
from screens.widgets.rows import Cell, Column, TableRow


def offered(server: str) -> dict[str, Sequence[str]]:
    """The bridges of a cluster."""
    from engine.queries.offers import offers

    return {"bridge": [each.name for each in offers(server).bridges]}


class PoolsScreen(RecordsScreen):
    """The address pools of the site."""

    NAME = SCOPE = "pools"
    BINDINGS = bindings("pools")
    COMMAND = "kvmtui pool list"
    NOUN = "pool"
    EMPTY = "No pool yet.\nPress + to add a range of addresses; it needs a server (6)."
    FORM = PoolForm
    offers = staticmethod(offered)
    MANY_LINES = frozenset({"excluded"})
    TALL = 2
    COLUMNS = (
        Column("id", "ID", 3, 3, right=True),
        Column("addresses", "Addresses, reverse zone", 31, grow=True),
        Column("used", "Usage", 19),
        Column("type", "Type", 5, 4),
        Column("server", "Server", 10, 2),
        Column("bridge", "Bridge", 8, 2),
        Column("gateway", "Gateway", 18, 5),
    )

    def __init__(self) -> None:
        super().__init__()
        self._zones: Zones = ()

    def rows(self) -> Sequence[TableRow]:
        zones = our_zones()
        return [_row(each, reverse_need(f"{each.gateway}/{each.mask}", zones)) for each in pools()]

    def values(self, key: Any) -> Mapping[str, Any]:
        return pool_values(key)

    def choices(self) -> dict[str, Sequence[str]]:
        self._zones = our_zones()
        return {"server": names_of("server")}

    def follow(self, form: FormWidget, values: Mapping[str, object]) -> None:
        """The reverse zone of the network while it is typed, and whether one of our zones covers it."""
        need = reverse_need(f"{values.get('gateway')}/{values.get('mask')}", self._zones)
        form.hint("mask", f"Reverse: {need.sentence}" if need else "")

    def save(self, form: Any, key: Any) -> PutResult:
        return create_pool(form, actor()) if key is None else put_pool(form, actor(), key)

    def delete(self, key: Any) -> None:
        delete_pool(key, actor())

    def losses(self, key: Any) -> Sequence[str]:
        return (
            "No address of it is handed out any more.",
            "It is refused while anybody holds one of its addresses.",
        )

    def name_of(self, key: Any) -> str:
        """The first address; server and first address together are what a pool is known by."""
        row = self.list.current
        return row.cell(1).text.partition(" – ")[0] if row is not None and row.key == key else str(key)

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        return [*([f"kvmtui pool show {key}"] if key else []), "kvmtui pool list --json"]

    def related(self, key: Any) -> Related:
        """Who has which address."""
        from screens.pools.addresses_in_use import holders

        return holders(*_with_need(key))


def _with_need(key: int) -> tuple[PoolView, str]:
    """A pool, and where the reverse names of its network are kept."""
    found = next((each for each in pools() if each.id == key), None)
    if found is None:
        raise Refused(f"Pool {key} was not found: somebody deleted it.")
    need = reverse_need(f"{found.gateway}/{found.mask}", our_zones())
    return found, need.sentence if need else found.rdns_zone


def _row(each: PoolView, need: ReverseNeed | None) -> TableRow:
    """A pool as a line of the list: what may be handed out, how much of it is, and where reverse names go."""
    counted = f"{each.used:,} of {each.total:,}" if each.total < 10**9 else f"{each.used:,} used"
    usage = share(each.used, each.total, full=each.full)
    return TableRow(
        each.id,
        (
            str(each.id),
            Cell(f"{each.start} – {each.stop}", below=f"{_kept(need)} {each.rdns_zone}"),
            Cell(usage.text, usage.tone, below=counted),
            each.type,
            each.server,
            Cell(each.bridge, below=f"VLAN {each.vlan}" if each.vlan else ""),
            Cell(f"{each.gateway}/{each.mask}", below=", ".join(filter(None, (each.dns1, each.dns2)))),
        ),
    )


def _kept(need: ReverseNeed | None) -> str:
    """`+` when our zones cover every address, `~` some, `-` none."""
    if need is None or not need.kept:
        return "-"
    return "+" if need.covered else "~"
