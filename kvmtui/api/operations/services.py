"""Services: orders, their records, and what is done to a service as a whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from engine.actions import client_sessions, orders, packages
from engine.actions.orders import OrderForm, ServiceChange
from engine.clock import iso
from engine.forms.form import Form
from engine.forms.service import OptionsForm
from engine.queries import keyset, service_list, traffic
from engine.queries.documents import plain
from engine.queries.effects import RESTARTS, effects_of
from engine.queries.quota import quota_of
from engine.queries.service_detail import service_document
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, WRITE, accepted, answers, page, send, send_page, send_stretch
from kvmtui.api.operations.reading import Month
from kvmtui.api.routing import Caller, Page, ServiceId, Stretch
from kvmtui.api.writing import IfMatch, Plan, Write, planned

router = routing.router()


class Reason(Form):
    """Why it is requested; kept in the audit."""

    reason: Annotated[str, Field(max_length=1000)] = ""


class PackageChange(Reason):
    """Another product or other options; neither: what is pending."""

    product: Annotated[str, Field(max_length=200)] = ""
    options: OptionsForm = Field(default_factory=OptionsForm)


class NewSession(Reason):
    """With `view`, the page is as the client sees it, and changes nothing."""

    view: bool = False


@router.get("/api/v1/services", responses=page(shapes.Service), tags=["Services"])
def list_services(
    caller: Caller,
    paging: Page,
    external_ref: Annotated[
        str, Query(max_length=200, description="Only the service of this order.", examples=["order-1017"])
    ] = "",
    client: Annotated[str, Query(max_length=200, description="Only services of this client.")] = "",
    product: Annotated[str, Query(max_length=200, description="Only services of this product.")] = "",
    server: Annotated[str, Query(max_length=200, description="Only services on this server.")] = "",
    status: Annotated[
        Literal["", "Pending", "Active", "Suspended", "Terminated", "Cancelled"],
        Query(description="Only services with this status."),
    ] = "",
) -> Response:
    """List the services."""
    name, descending = keyset.order(paging.sort, service_list.SORTS)
    question = service_list.ServiceQuestion(
        paging.q, name, descending, client, product, server, status, external_ref
    )
    return send_page(service_list.after(question, paging.after, paging.limit, caller.scope))


@router.post("/api/v1/services", status_code=202, responses=accepted(), tags=["Services"])
def create_service(write: Write, body: OrderForm) -> Response:
    """Order a service; its VM starts deploying at once."""
    return write.request(None, lambda: orders.order(body, write.actor))


@router.get("/api/v1/services/{id}", responses=answers(shapes.ServiceDetail, ONE), tags=["Services"])
def show_service(caller: Caller, id: ServiceId) -> Response:  # noqa: A002
    """Show a service. Its `revision` is the ETag."""
    found = service_document(id)
    return send(found, etag=found["revision"])


@router.patch(
    "/api/v1/services/{id}",
    status_code=202,
    responses=accepted(shapes.ServiceAccepted, (*WRITE, 412)),
    tags=["Services"],
)
def change_service(write: Write, id: ServiceId, body: ServiceChange, if_match: IfMatch = None) -> Response:  # noqa: A002
    """Change a service's record. Changed options take effect with the next change-package."""

    def work() -> tuple[str, dict[str, Any]]:
        write.expect(service_document(id)["revision"])
        sentence = orders.change_service(id, body, write.actor)
        return sentence, {"service": service_document(id)}

    return write.record("change", work)


@router.get("/api/v1/services/{id}/usage", responses=answers(shapes.ServiceUsage, ONE), tags=["Usage"])
def show_usage(caller: Caller, id: ServiceId, paging: Stretch, month: Month | None = None) -> Response:  # noqa: A002
    """Show the bytes a service transferred, by month, newest first, and how much of its quota it has used."""
    return send_stretch(shapes.Usage, traffic.months(id, month or ""), paging, quota=quota_of(id))


@router.post("/api/v1/services/{id}/suspend", status_code=202, responses=accepted(), tags=["Services"])
def suspend_service(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Stop the VM and mark the service Suspended; the reason is shown when somebody tries to start it."""
    reason = body.reason if body else ""
    return write.request(id, lambda: packages.suspend(write.actor, id, reason))


@router.post("/api/v1/services/{id}/unsuspend", status_code=202, responses=accepted(), tags=["Services"])
def unsuspend_service(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Start the VM and mark the service Active."""
    reason = body.reason if body else ""
    return write.request(id, lambda: packages.unsuspend(write.actor, id, reason))


@router.post(
    "/api/v1/services/{id}/terminate",
    status_code=202,
    responses=accepted() | answers(shapes.Preview, WRITE),
    tags=["Services"],
)
def terminate_service(
    write: Write,
    id: ServiceId,  # noqa: A002
    body: Reason | None = None,
    plan: Plan = False,
) -> Response:
    """Delete the VM, its disks, backups and DNS records, then free its addresses."""
    reason = body.reason if body else ""
    if plan:
        return planned(lambda: packages.terminate(write.actor, id, reason))
    return write.request(id, lambda: packages.terminate(write.actor, id, reason))


@router.post(
    "/api/v1/services/{id}/change-package",
    status_code=202,
    responses=accepted() | answers(shapes.ChangePlan, WRITE),
    tags=["Services"],
)
def change_package(
    write: Write,
    id: ServiceId,  # noqa: A002
    body: PackageChange | None = None,
    plan: Plan = False,
) -> Response:
    """Apply a product and options to the VM: new ones, or what is pending."""
    asked = body or PackageChange()
    if plan:
        found = effects_of(id, asked.product, asked.options.given(), write.actor.scope)
        return JSONResponse({"effects": plain(found), "message": RESTARTS})
    actor = write.because(asked.reason)
    return write.request(id, lambda: packages.change_package(actor, id, asked.product, asked.options.given()))


@router.post(
    "/api/v1/services/{id}/session",
    status_code=201,
    responses=answers(shapes.Link, WRITE, 201),
    tags=["Services"],
)
def open_session(
    request: Request,
    write: Write,
    id: ServiceId,  # noqa: A002
    body: NewSession | None = None,
) -> Response:
    """Make a link to the client's page of a service: it opens once, within 60 s. It takes no Idempotency-Key."""
    asked, state = body or NewSession(), request.app.state
    base = state.settings.client_url(state.listen)
    link = client_sessions.create_link(write.because(asked.reason), id, asked.view)
    return JSONResponse({"url": f"{base}/client/enter/{link.secret}", "expires": iso(link.expires_at)}, 201)
