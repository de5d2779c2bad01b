"""Clients: who owns the services, and on enter what each of them has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from textual.worker import Worker

from engine.actions.clients import create_client, delete_client, put_client
from engine.actions.notes import set_client_notes
from engine.actions.repository import PutResult
from engine.forms import ClientForm
from engine.queries.inventory import client_values, clients
from engine.queries.notes import notes_of_client
from screens.common.bindings import bindings
from screens.framework.record_view import Related
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.widgets.rows import Cell, Column, TableRow


class ClientsScreen(RecordsScreen):
    """The clients of the site."""

    NAME = SCOPE = "clients"
    BINDINGS = bindings("clients")
    COMMAND = "kvmtui client list"
    NOUN = "client"
    EMPTY = "No client yet.\nPress + to add one; then 8 to create a service for it."
    FORM = ClientForm
    COLUMNS = (
        Column("id", "ID", 5, 3, right=True),
        Column("name", "Name", 20, grow=True),
        Column("email", "E-mail", 24, 2, grow=True),
        Column("language", "Language", 8, 4),
        Column("services", "Services", 8, 2, right=True),
    )

    def rows(self) -> Sequence[TableRow]:
        return [
            TableRow(
                each.name,
                (
                    *(str(each.id), each.name, each.email or "—", each.language),
                    Cell(str(each.services), "" if each.services else "muted"),
                ),
            )
            for each in clients()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return client_values(key)

    def save(self, form: Any, key: Any) -> PutResult:
        if key is None:
            return create_client(form, actor())
        return put_client(form, actor(), next(each.id for each in clients() if each.name == key))

    def delete(self, key: Any) -> None:
        delete_client(key, actor())

    def losses(self, key: Any) -> Sequence[str]:
        return (
            "Name, e-mail address and notes are gone for good.",
            "It is refused while the client has services.",
        )

    def do_notes(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._notes(str(key)), group="dialog", exclusive=True)

    async def _notes(self, name: str) -> None:
        from screens.framework.notes import NotesDialog

        words = await self.in_thread(lambda: notes_of_client(name))
        if words is not None:
            write = partial(set_client_notes, actor(), name)
            shown = await self.app.push_screen_wait(NotesDialog(f"client {name}", words, write))
            if shown:
                self.notify(shown, markup=False)

    def related(self, key: Any) -> Related:
        """The services of a client."""
        from screens.services.screen import services_with

        return services_with(client=str(key))
