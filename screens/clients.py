"""Clients: who the machines belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.actions.clients import create_client, delete_client, put_client
from engine.forms import ClientForm, checked
from engine.queries.site import client_values, clients
from screens.habits import bindings
from screens.place import actor
from screens.records import RecordsPlace
from screens.widgets.rows import Column, Row


class ClientsPlace(RecordsPlace):
    """The clients of the site."""

    NAME = SCOPE = "clients"
    BINDINGS = bindings("clients")
    COMMAND = "kvmtui client list"
    NOUN = "client"
    EMPTY = "No client yet.\nPress a to add one; then 8 to create a service for it."
    FORMS = (ClientForm,)
    COLUMNS = (
        Column("name", "Name", 20, grow=True),
        Column("email", "E-mail", 24, 2, grow=True),
        Column("language", "Language", 8, 4),
        Column("services", "Services", 8, 3, right=True),
    )

    def rows(self) -> Sequence[Row]:
        return [
            Row(each.name, (each.name, each.email, each.language, str(each.services))) for each in clients()
        ]

    def values(self, key: Any) -> Mapping[str, Any]:
        return client_values(key)

    def save(self, values: dict[str, Any], key: Any) -> Any:
        form = checked(ClientForm, values)
        if key is None:
            return create_client(form, actor())
        return put_client(form, actor(), next(each.id for each in clients() if each.name == key))

    def delete(self, key: Any) -> None:
        delete_client(key, actor())
