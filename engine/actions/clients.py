"""Clients: make, change, delete."""

from __future__ import annotations

from typing import Any

from engine.actions.named import found
from engine.actions.site import Outcome, Shelf, create, put, refuse_users, remove
from engine.audit import Actor
from engine.forms.client import ClientForm
from engine.store.database import in_transaction
from engine.store.models import Client, Service


class Clients(Shelf[ClientForm, Client]):
    """The clients of the site."""

    kind = "client"

    def find(self, form: ClientForm) -> Client | None:
        """The client of that name."""
        return Client.get_or_none(Client.name == form.name)

    def name(self, form: ClientForm) -> str:
        """Their name."""
        return form.name

    def values(self, row: Client) -> dict[str, Any]:
        """The client as the form reads."""
        return {"name": row.name, "email": row.email, "language": row.language}

    def create(self, form: ClientForm) -> Client:
        """Write a new client."""
        return self.update(Client(), form)

    def update(self, row: Client, form: ClientForm) -> Client:
        """Write over them."""
        row.name, row.email, row.language = form.name, form.email, form.language
        row.save()
        return row


CLIENTS = Clients()


def create_client(form: ClientForm, actor: Actor) -> Outcome:
    """Make a new client; refused when there is one like it already."""
    return create(CLIENTS, form, actor)


def put_client(form: ClientForm, actor: Actor, client_id: int | None = None) -> Outcome:
    """Make the client of that name, or the one of that id, match the form; a new one is made."""
    row = None if client_id is None else found(Client, Client.id == client_id, f"client {client_id}")
    return put(CLIENTS, form, actor, row)


def delete_client(name: str, actor: Actor) -> None:
    """Delete a client who has no services."""
    in_transaction(lambda: _delete(name, actor))


def _delete(name: str, actor: Actor) -> None:
    row = found(Client, Client.name == name, f"client '{name}'")
    services = [str(each.id) for each in Service.select(Service.id).where(Service.client == row.id)]
    refuse_users("client", name, {"services": services})
    remove(actor, "client", row, name)
