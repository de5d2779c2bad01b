"""Pause a server, or resume it: its VMs wait with that reason, nothing is sent to it."""

from __future__ import annotations

from engine import audit
from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.audit import Actor
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Server
from engine.work import events, servers


@needs(Role.OWNER, "pause a server", whole_site=True)
def pause(actor: Actor, name: str) -> str:
    """From now on nothing is sent to the server; what waits on its tasks keeps waiting."""
    return _set(actor, name, "paused")


@needs(Role.OWNER, "resume a server", whole_site=True)
def resume(actor: Actor, name: str) -> str:
    """The server is worked with again; VMs that waited for it continue at once."""
    return _set(actor, name, "enabled")


@needs(Role.OWNER, "pause or resume a server", whole_site=True)
def toggle(actor: Actor, name: str) -> str:
    """Pause a server that is enabled, resume one that is paused."""
    row = found(Server, Server.name == name, f"server '{name}'")
    return _set(actor, name, "enabled" if row.state == "paused" else "paused")


def _set(actor: Actor, name: str, state: str) -> str:
    row = found(Server, Server.name == name, f"server '{name}'")
    if row.state == state:
        return f"Server {name} is {state} already."

    def work() -> None:
        Server.update(state=state).where(Server.id == row.id).execute()
        before, after = {"state": row.state}, {"state": state}
        audit.record(actor, "pause", "server", str(row.id), name, before=before, after=after)
        if state == "enabled":
            servers.resume(row.id)
        events.publish("change", data={"server": name, "state": state})

    in_transaction(work)
    return f"Server {name} is {state} now."
