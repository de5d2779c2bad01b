"""Clients."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import Response

from engine.actions import clients, notes
from engine.actions.orders import Notes
from engine.errors import Refused
from engine.forms import ClientForm, checked
from engine.forms.form import Form
from engine.queries import client_list
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, WRITE, accepted, answers, page, send, send_page
from kvmtui.api.routing import BIGGEST, Caller, Page
from kvmtui.api.writing import IfMatch, Write

router = routing.router()
ClientId = Annotated[int, Path(ge=1, le=BIGGEST, description="The client's id.", examples=[1])]
_STALE = (*WRITE, 412)


class NewClient(ClientForm):
    """A new client."""

    notes: Notes = ""


class ClientChange(Form):
    """What changes of a client; what is not given stays."""

    name: str | None = None
    email: str | None = None
    language: str | None = None
    notes: Notes | None = None


@router.get("/api/v1/clients", responses=page(shapes.Client), tags=["Clients"])
def list_clients(caller: Caller, paging: Page) -> Response:
    """List the clients."""
    return send_page(client_list.after(paging.q, paging.sort, paging.after, paging.limit, caller.scope))


@router.post("/api/v1/clients", status_code=202, responses=accepted(shapes.ClientAccepted), tags=["Clients"])
def create_client(write: Write, body: NewClient) -> Response:
    """Create a client."""

    def work() -> tuple[str, dict[str, Any]]:
        form = ClientForm(name=body.name, email=body.email, language=body.language)
        number = int(clients.create_client(form, write.actor).id)
        if body.notes.strip():
            notes.set_client_notes(write.actor, body.name, body.notes)
        return f"Client {body.name} was created.", {"client": client_list.client(number)}

    return write.record("create", work)


@router.get("/api/v1/clients/{id}", responses=answers(shapes.Client, ONE), tags=["Clients"])
def show_client(caller: Caller, id: ClientId) -> Response:  # noqa: A002
    """Show a client. Its `revision` is the ETag."""
    view = client_list.client(id, caller.scope)
    return send(view, etag=view.revision)


@router.patch(
    "/api/v1/clients/{id}",
    status_code=202,
    responses=accepted(shapes.ClientAccepted, _STALE),
    tags=["Clients"],
)
def change_client(write: Write, id: ClientId, body: ClientChange, if_match: IfMatch = None) -> Response:  # noqa: A002
    """Change a client."""

    def work() -> tuple[str, dict[str, Any]]:
        known = client_list.client(id, write.actor.scope)
        write.expect(known.revision)
        given = body.model_dump(exclude_none=True, exclude={"notes"})
        stored = {"name": known.name, "email": known.email, "language": known.language}
        form = checked(ClientForm, stored | given)
        clients.put_client(form, write.actor, id)
        if body.notes is not None and body.notes.strip() != known.notes:
            notes.set_client_notes(write.actor, form.name, body.notes)
        return f"Client {form.name} was changed.", {"client": client_list.client(id, write.actor.scope)}

    return write.record("change", work)


@router.delete("/api/v1/clients/{id}", status_code=202, responses=accepted(errors=_STALE), tags=["Clients"])
def delete_client(write: Write, id: ClientId, if_match: IfMatch = None) -> Response:  # noqa: A002
    """Delete a client without services."""

    def work() -> tuple[str, dict[str, Any]]:
        known = client_list.client(id, write.actor.scope)
        write.expect(known.revision)
        if known.services:
            raise Refused(
                f"Client {known.name} still has {known.services} services. Delete or move them first."
            )
        clients.delete_client(known.name, write.actor)
        return f"Client {known.name} was deleted.", {}

    return write.record("delete", work)
