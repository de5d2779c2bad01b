"""Servers: the Proxmox clusters, whether they answer, and whether they are paused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions.doctor import CheckView, check_server_named, doctor
from engine.actions.pausing import toggle
from engine.actions.repository import PutResult
from engine.actions.servers import create_server, delete_server, put_server
from engine.forms import Form, ServerForm, checked
from engine.queries.inventory import ServerView, server_values, servers
from screens.common.bindings import bindings
from screens.common.times import ago, at
from screens.framework.check_results import CheckLine, CheckResultsDialog
from screens.framework.form_questions import nested
from screens.framework.record_view import Related
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.servers import questions
from screens.services.adopt import Adopts
from screens.widgets.fields import FormField
from screens.widgets.rows import Cell, Column, TableRow

_SIGNS = {"ok": "+", "warn": "~", "fail": "-"}


class ServersScreen(Adopts, RecordsScreen):
    """The clusters of the site."""

    NAME = SCOPE = "servers"
    BINDINGS = bindings("servers")
    COMMAND = "kvmtui server list"
    NOUN = "server"
    EMPTY = "No server yet.\nPress + to add your first Proxmox cluster, then t to test it."
    FORM = ServerForm
    TALL = 2
    COLUMNS = (
        Column("name", "Name", 14, grow=True),
        Column("state", "State", 10),
        Column("api", "API", 20, grow=True),
        Column("vms", "VMs", 5, 2, right=True),
        Column("version", "PVE", 14, 3),
        Column("limits", "At once", 21, 4),
    )

    def server_at_hand(self) -> str:
        return str(self.list.cursor_key or "")

    def rows(self) -> Sequence[TableRow]:
        return [_row(each) for each in servers()]

    def values(self, key: Any) -> Mapping[str, Any]:
        return server_values(key)

    def fields(self, key: Any) -> Sequence[FormField]:
        return questions.fields()

    def asked(self, values: Mapping[str, Any]) -> dict[str, object]:
        return questions.asked(values)

    def form(self, answers: Mapping[str, object]) -> Form:
        return checked(ServerForm, nested(questions.answered(answers)))

    def save(self, form: Any, key: Any) -> PutResult:
        if key is None:
            return create_server(form, actor())
        return put_server(form, actor(), next(each.id for each in servers() if each.name == key))

    def delete(self, key: Any) -> None:
        delete_server(key, actor())

    def related(self, key: Any) -> Related:
        """The services of a server."""
        from screens.services.screen import services_with

        return services_with(server=str(key))

    def losses(self, key: Any) -> Sequence[str]:
        return (
            "Nothing in the cluster is touched; this console forgets it and its login.",
            "It is refused while services, products or pools need it.",
        )

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        one = [f"kvmtui server test {key}", f"kvmtui server nodes {key}"] if key else []
        return [*one, "kvmtui doctor", "kvmtui server list --json"]

    def do_pause(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._pause(key), group="change")

    async def _pause(self, key: str) -> None:
        said = await self.in_thread(lambda: toggle(actor(), key))
        if said is not None:
            self.notify(said, markup=False)
            self.reread()

    def do_nodes(self) -> None:
        from screens.servers.nodes import ServerNodes

        key = self.current()
        if key is not None:
            self.app.push_screen(ServerNodes(key))

    def do_test(self) -> Worker[None] | None:
        key = self.current()
        if key is None:
            return None
        self.notify(f"Asking {key} …", markup=False, timeout=3)
        return self._look(f"Server {key}", lambda: check_server_named(key))

    def do_doctor(self) -> Worker[None]:
        self.notify("Asking database, key, engine, every server and every zone …", markup=False, timeout=3)
        return self._look("Doctor", doctor)

    def _look(self, title: str, check: Callable[[], list[CheckView]]) -> Worker[None]:
        return self.run_worker(self._check(title, check), group="check", exclusive=True)

    async def _check(self, title: str, check: Callable[[], list[CheckView]]) -> None:
        checks = await self.in_thread(check)
        if checks is not None:
            several = len({each.about for each in checks}) > 1
            found = [
                CheckLine(
                    _SIGNS[each.result],
                    f"{each.about} {each.name}" if several else each.name,
                    each.sentence,
                    each.fix,
                )
                for each in checks
            ]
            self.app.push_screen(CheckResultsDialog(title, found))
            self.reread()


def _row(each: ServerView) -> TableRow:
    """A server as a line of the list, with its state and its last answer."""
    state = Cell("+ enabled", "ok") if each.state == "enabled" else Cell(f"~ {each.state}", "warn")
    limits = each.limits
    return TableRow(
        each.name,
        (
            Cell(each.name, below=", ".join(each.hosts)),
            state,
            _api(each),
            str(each.vms),
            Cell(each.version.removeprefix("Proxmox VE ").rstrip(".") or "—", below=f"port {each.port}"),
            Cell(
                f"{limits['clones_per_storage']} clones/storage",
                below=f"{limits['tasks_per_node']} tasks/node, {limits['requests']} calls",
            ),
        ),
    )


def _api(each: ServerView) -> Cell:
    if each.last_error:
        retry = f"; next try {at(each.next_probe)}" if each.next_probe else ""
        return Cell(f"- failing ({each.failures})", "error", below=f"{each.last_error}{retry}")
    if each.last_ok is None:
        return Cell("? not asked yet", "muted", below="t tests it")
    return Cell("+ answers", "ok", below=ago(each.last_ok))
