"""Clients: make, change, delete."""

from __future__ import annotations

from typing import Any

from engine.actions.lookup import found
from engine.actions.permission import Needs, needs, require
from engine.actions.repository import PutResult, Repository, create, put, refuse_users, remove
from engine.audit import Actor
from engine.forms.client import ClientForm
from engine.queries.scoping import client_condition
from engine.queries.tokens import named_by_tokens
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Client, Service


class Clients(Repository[ClientForm, Client]):
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


@needs(Role.OPERATOR, "create a client", whole_site=True)
def create_client(form: ClientForm, actor: Actor) -> PutResult:
    """Make a new client; refused when there is one like it already."""
    return create(CLIENTS, form, actor)


@needs(Role.OPERATOR, "change a client")
def put_client(form: ClientForm, actor: Actor, client_id: int | None = None) -> PutResult:
    """Make the client of that name, or the one of that id, match the form; a new one is made.

    An actor with limits changes clients inside them, and not their names: a name that is taken would tell of others.
    """
    inside, row = client_condition(actor.scope), None
    if client_id is not None:
        row = found(Client, Client.id == client_id, f"client {client_id}", inside)
    elif actor.scope.limited:
        row = found(Client, Client.name == form.name, f"client '{form.name}'", inside)
    if actor.scope.limited and row is not None and row.name != form.name:
        require(actor, Needs(Role.OPERATOR, "rename a client", whole_site=True))
    return put(CLIENTS, form, actor, row)


@needs(Role.OPERATOR, "delete a client", whole_site=True)
def delete_client(name: str, actor: Actor) -> None:
    """Delete a client who has no services."""
    in_transaction(lambda: _delete(name, actor))


def _delete(name: str, actor: Actor) -> None:
    row = found(Client, Client.name == name, f"client '{name}'")
    services = [str(each.id) for each in Service.select(Service.id).where(Service.client == row.id)]
    refuse_users("client", name, {"services": services, "tokens": named_by_tokens("clients", row.id)})
    remove(actor, "client", row, name)
