"""Servers: make, change, delete."""

from __future__ import annotations

import uuid
from typing import Any

from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import PutResult, Repository, create, put, refuse_users, remove
from engine.audit import Actor
from engine.forms.form import KEEP
from engine.forms.server import ServerForm
from engine.roles import Role
from engine.store import kept, secrets
from engine.store.database import in_transaction
from engine.store.models import Address, Call, LeftBackup, Node, Pool, Product, Server, Service, Vm, VmidClaim

_SECRETS = ("token_secret", "password")


class ServerRepository(Repository[ServerForm, Server]):
    """The servers of the site."""

    kind = "server"

    def find(self, form: ServerForm) -> Server | None:
        """The server of that name."""
        return Server.get_or_none(Server.name == form.name)

    def name(self, form: ServerForm) -> str:
        """Its name."""
        return form.name

    def values(self, row: Server) -> dict[str, Any]:
        """The server as its form reads."""
        tls = {"fingerprint": None, "ca_file": None, "system": None, "insecure": None} | row.tls
        return {
            "name": row.name,
            "hosts": row.hosts,
            "port": row.port,
            "token_id": row.token_id,
            "token_secret": KEEP if row.token_secret else "",
            "user": row.user,
            "password": KEEP if row.password else "",
            "tls": tls,
            "limits": {
                "clones_per_storage": row.clones_per_storage,
                "tasks_per_node": row.tasks_per_node,
                "requests": row.requests_at_once,
            },
            "assigned_ips": row.assigned_ips,
            "state": row.state,
        }

    def secret(self, row: Server, field: str) -> str:
        """A stored secret in clear."""
        return secrets.unseal(getattr(row, field), "server", row.uid, field)

    def create(self, form: ServerForm) -> Server:
        """Write a new server."""
        return self._written(Server(uid=str(uuid.uuid4())), form, force_insert=True)

    def update(self, row: Server, form: ServerForm) -> Server:
        """Write over it."""
        return self._written(row, form)

    def _written(self, row: Server, form: ServerForm, force_insert: bool = False) -> Server:
        row.name, row.hosts, row.port = form.name, form.hosts, form.port
        row.token_id, row.user, row.state = form.token_id, form.user, form.state
        row.tls = form.tls.model_dump(exclude_none=True)
        row.clones_per_storage = form.limits.clones_per_storage
        row.tasks_per_node = form.limits.tasks_per_node
        row.requests_at_once = form.limits.requests
        row.assigned_ips = form.assigned_ips
        for field in _SECRETS:
            value = getattr(form, field)
            if value != KEEP:
                setattr(row, field, secrets.seal(value, "server", row.uid, field))
        row.save(force_insert=force_insert)
        return row


SERVERS = ServerRepository()


@needs(Role.OWNER, "create a server", whole_site=True)
def create_server(form: ServerForm, actor: Actor) -> PutResult:
    """Make a new server; refused when there is one like it already."""
    return create(SERVERS, form, actor)


@needs(Role.OWNER, "change a server", whole_site=True)
def put_server(form: ServerForm, actor: Actor, server_id: int | None = None) -> PutResult:
    """Make the server of that name, or the one of that id, match the form; a new one is made."""
    row = None if server_id is None else found(Server, Server.id == server_id, f"server {server_id}")
    return put(SERVERS, form, actor, row)


@needs(Role.OWNER, "delete a server", whole_site=True)
def delete_server(name: str, actor: Actor) -> None:
    """Delete a server nothing needs; refused with what does."""
    in_transaction(lambda: _delete(name, actor))


def _delete(name: str, actor: Actor) -> None:
    row = found(Server, Server.name == name, f"server '{name}'")
    vms = Vm.select(Service.id).join(Service).where(Vm.server == row.id).tuples()
    users = {
        "services": [str(number) for (number,) in vms],
        "products": [each.name for each in Product.select().where(Product.server == row.id)],
        "pools": [str(each.start) for each in Pool.select().where(Pool.server == row.id)],
    }
    refuse_users("server", name, users)
    # remains of deleted VMs: VMIDs, calls, addresses that still rest, backups we could not delete
    for table in (VmidClaim, Call, Address, Node, LeftBackup):
        table.delete().where(table.server == row.id).execute()
    for kind in ("certificates", "drift"):
        kept.keep(kind, row.uid, {})
    remove(actor, "server", row, name)
