"""Servers: the Proxmox clusters, whether they answer, and whether they are worked on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions.pausing import toggle
from engine.actions.servers import create_server, delete_server, put_server
from engine.forms import ServerForm, checked
from engine.queries.site import server_values, servers
from screens.habits import bindings
from screens.moments import ago
from screens.place import actor
from screens.records import RecordsPlace
from screens.widgets.dialogs import Notice
from screens.widgets.rows import Cell, Column, Row


class ServersPlace(RecordsPlace):
    """The clusters of the site."""

    NAME = SCOPE = "servers"
    BINDINGS = bindings("servers")
    COMMAND = "kvmtui server list"
    NOUN = "server"
    EMPTY = "No server yet.\nPress a to add your first Proxmox cluster, then t to test it."
    FORMS = (ServerForm,)
    COLUMNS = (
        Column("name", "Name", 14, grow=True),
        Column("state", "State", 10),
        Column("hosts", "Hosts", 16, 2, grow=True),
        Column("version", "PVE", 7, 4),
        Column("vms", "VMs", 5, 3, right=True),
        Column("ok", "Answered", 12, 2),
        Column("error", "Last error", 14, 5, grow=True),
    )

    def rows(self) -> Sequence[Row]:
        return [
            Row(
                each.name,
                (
                    each.name,
                    Cell(f"+ {each.state}", "ok")
                    if each.state == "enabled"
                    else Cell(f"~ {each.state}", "warn"),
                    *(", ".join(each.hosts), each.version or "—", str(each.vms), ago(each.last_ok)),
                    Cell(each.last_error, "error"),
                ),
            )
            for each in servers()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return server_values(key)

    def save(self, values: dict[str, Any], key: Any) -> Any:
        if key is None:
            return create_server(checked(ServerForm, values), actor())
        kept = {"assigned_ips": server_values(key)["assigned_ips"]}
        form = checked(ServerForm, kept | values)
        return put_server(form, actor(), next(each.id for each in servers() if each.name == key))

    def delete(self, key: Any) -> None:
        delete_server(key, actor())

    def do_pause(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._pause(key), group="change")

    async def _pause(self, key: str) -> None:
        said = await self.beside(lambda: toggle(actor(), key))
        if said is not None:
            self.notify(said, markup=False)
            self.reread()

    def do_test(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._check(key), group="check", exclusive=True)

    def do_doctor(self) -> Worker[None] | None:
        return self.do_test()

    async def _check(self, key: str) -> None:
        from engine.actions.doctor import check_server_named

        self.notify("Asking the cluster …", markup=False, timeout=3)
        checks = await self.beside(lambda: check_server_named(key))
        if checks is None:
            return
        lines = [
            f"[{each.result}] {each.about} {each.name}: {each.sentence}"
            + (f"\n      do: {each.fix}" if each.fix else "")
            for each in checks
        ]
        bad = any(each.failed for each in checks)
        self.app.push_screen(Notice(f"Server {key}", "\n".join(lines), danger=bad))
        self.reread()
