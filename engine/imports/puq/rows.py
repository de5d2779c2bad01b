"""From a row of a pool table to a pool of one of our servers."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import Refused
from engine.imports.columns import Shaped
from engine.imports.puq.shapes import ModuleData
from engine.imports.tables import DumpRow
from engine.ipam.legacy import prefix_of
from engine.ipam.spans import parse_address, shortened
from engine.ipam.spec import PoolSpec
from engine.store.models import Server


class PoolRows:
    """Reads pools; `servers` says which of our servers is meant by a name or number of the file."""

    def __init__(self, found: ModuleData, servers: Mapping[str, str]) -> None:
        self._found = found
        self._servers = servers

    def spec(self, shaped: Shaped, line: DumpRow) -> PoolSpec:
        values = {name: shaped.value(line, name) for name in ("server", "gateway", "start", "stop", "mask")}
        empty = [name for name, value in values.items() if not value and name != "server"]
        if empty:
            raise Refused(f"{', '.join(empty)} empty.")
        start = parse_address(values["start"])
        dns1, _, dns2 = (part.strip() for part in shaped.value(line, "dns1").partition(","))
        return PoolSpec(
            server=self._server(values["server"] or self._linked(shaped.value(line, "id"))),
            type=_type(shaped.value(line, "type"), start.version),
            bridge=shaped.value(line, "bridge"),
            vlan=_vlan(shaped.value(line, "vlan")),
            gateway=parse_address(values["gateway"]),
            mask=prefix_of(values["mask"]),
            start=start,
            stop=parse_address(values["stop"]),
            dns1=dns1,
            dns2=shaped.value(line, "dns2") or dns2,
        )

    def _linked(self, number: str) -> str:
        """The server of a pool, from a table that says which pool is on which."""
        named = {
            shaped.value(line, "server")
            for shaped in self._found.links
            for line in shaped.table.lines
            if shaped.value(line, "pool") == number
        }
        if len(named) > 1:
            raise Refused(f"it is on the servers {', '.join(sorted(named))}; a pool here has one. Split it.")
        return next(iter(named), "")

    def _server(self, given: str) -> str:
        """Our server behind a name or number of the file."""
        known = self._found.server_names.get(given, given)
        wanted = self._servers.get(given) or self._servers.get(known) or known
        server = Server.get_or_none(Server.name == wanted)
        if server is None:
            raise Refused(
                f"its server '{shortened(wanted)}' is not here; make it, or say --server-map "
                f"{shortened(given) or 'OLD'}=NAME."
            )
        return server.name


def _type(text: str, version: int) -> str:
    """IPv4 or IPv6 however it is written; derived from the addresses when it is not."""
    plain = text.lower().removeprefix("ip").removeprefix("v")
    if plain not in ("", "4", "6"):
        raise Refused(f"type: '{shortened(text)}' is neither IPv4 nor IPv6.")
    return f"IPv{plain or version}"


def _vlan(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Refused(f"vlan: '{shortened(text)}' is not a number.")
    return int(text or 0)
