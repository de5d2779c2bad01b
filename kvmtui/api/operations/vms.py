"""The VM of a service: as it is, its log, its charts, and what is done to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from engine.actions import maintenance, names, vms
from engine.clock import iso, now_ms
from engine.errors import NotFound
from engine.forms.form import Form
from engine.forms.kinds import Template
from engine.queries import charts, keyset
from engine.queries import runs as run_queries
from engine.queries import vms as vm_queries
from engine.queries.documents import run_document
from kvmtui.api import routing, shapes
from kvmtui.api.answers import CLUSTER, ONE, WRITE, accepted, answers, holds, page, send
from kvmtui.api.operations.services import Reason
from kvmtui.api.routing import After, ById, Caller, ServiceId, Words
from kvmtui.api.writing import Plan, Write, planned

router = routing.router()
_SECONDS = 10  # how long a console link waits to be opened
_TAGS: list[str | Any] = ["VMs"]


class Reinstall(Reason):
    """Another template; none: the one the VM has."""

    template: Template | None = None


class ReverseName(Form):
    """A reverse name; empty: the VM's own name again."""

    name: Annotated[str, Field(max_length=253)]


@router.get("/api/v1/services/{id}/vm", responses=answers(shapes.Vm, ONE), tags=_TAGS)
def show_vm(caller: Caller, id: ServiceId) -> Response:  # noqa: A002
    """Show the VM of a service, as `vm list --json` does."""
    return send(_vm(id))


@router.get("/api/v1/services/{id}/vm/log", responses=page(shapes.Run, ONE), tags=_TAGS)
def show_log(
    caller: Caller,
    id: ServiceId,  # noqa: A002
    limit: Annotated[int, Query(ge=1, le=50, description="Most runs to answer.")] = 50,
    after: After = "",
    q: Words = "",
    sort: ById = "-id",
) -> Response:
    """List the runs of a VM with their steps, newest first."""
    found = [each for each in map(run_document, run_queries.runs(_vm(id).id)) if holds(each, q)]
    sign = -1 if sort == "-id" else 1
    part = keyset.sliced(found, lambda run: (sign * run["id"], sign * run["id"]), after=after, limit=limit)
    return JSONResponse({"items": part.items, "next": part.next})


@router.get("/api/v1/services/{id}/vm/charts", responses=answers(shapes.Charts, CLUSTER), tags=_TAGS)
def show_charts(
    caller: Caller,
    id: ServiceId,  # noqa: A002
    span: Annotated[Literal["hour", "day", "week", "month", "year"], Query()] = "hour",
) -> Response:
    """Show what the VM used, as Proxmox measured it. `looked.sentence` says why there are no points."""
    return send(charts.charts(id, span))


@router.post("/api/v1/services/{id}/vm/start", status_code=202, responses=accepted(), tags=_TAGS)
def start_vm(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Start the VM."""
    return _power(write, id, "start", body)


@router.post("/api/v1/services/{id}/vm/stop", status_code=202, responses=accepted(), tags=_TAGS)
def stop_vm(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Stop the VM at once, as if its power were cut."""
    return _power(write, id, "stop", body)


@router.post("/api/v1/services/{id}/vm/shutdown", status_code=202, responses=accepted(), tags=_TAGS)
def shut_down_vm(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Ask the guest to shut down."""
    return _power(write, id, "shutdown", body)


@router.post("/api/v1/services/{id}/vm/reboot", status_code=202, responses=accepted(), tags=_TAGS)
def reboot_vm(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Reboot the VM."""
    return _power(write, id, "reboot", body)


def _vm(service_id: int) -> vm_queries.VmView:
    for view in vm_queries.vms_of([service_id]):
        return view
    raise NotFound(f"Service {service_id} has no VM.")


def _power(write: Write, number: int, verb: str, body: Reason | None) -> Response:
    actor = write.because(body.reason if body else "")
    return write.request(number, lambda: vms.power(actor, number, verb))


@router.post("/api/v1/services/{id}/vm/password", status_code=202, responses=accepted(), tags=_TAGS)
def reset_password(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Set a new password; it is mailed to the client and never answered here."""
    actor = write.because(body.reason if body else "")
    return write.request(id, lambda: maintenance.reset_password(actor, id))


@router.post("/api/v1/services/{id}/vm/dns", status_code=202, responses=accepted(), tags=_TAGS)
def sync_dns(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Make every DNS record of the VM right."""
    actor = write.because(body.reason if body else "")
    return write.request(id, lambda: vms.sync_dns(actor, id))


@router.post(
    "/api/v1/services/{id}/vm/reinstall",
    status_code=202,
    responses=accepted() | answers(shapes.Preview, WRITE),
    tags=_TAGS,
)
def reinstall_vm(
    write: Write,
    id: ServiceId,  # noqa: A002
    body: Reinstall | None = None,
    plan: Plan = False,
) -> Response:
    """Delete the VM and deploy it again. Addresses, MAC, VMID and backups stay; all data on its disks is lost."""
    asked = body or Reinstall()
    actor, template = write.because(asked.reason), str(asked.template or "")
    if plan:
        return planned(lambda: vms.reinstall(actor, id, template))
    return write.request(id, lambda: vms.reinstall(actor, id, template))


@router.post(
    "/api/v1/services/{id}/vm/redeploy",
    status_code=202,
    responses=accepted() | answers(shapes.Preview, WRITE),
    tags=_TAGS,
)
def redeploy_vm(
    write: Write,
    id: ServiceId,  # noqa: A002
    body: Reason | None = None,
    plan: Plan = False,
) -> Response:
    """Remove a VM that is not ready and deploy it from the first step."""
    reason = body.reason if body else ""
    if plan:
        return planned(lambda: vms.redeploy(write.actor, id, reason))
    return write.request(id, lambda: vms.redeploy(write.actor, id, reason))


@router.put("/api/v1/services/{id}/vm/rdns/{address}", status_code=202, responses=accepted(), tags=_TAGS)
def set_reverse_name(
    write: Write,
    id: ServiceId,  # noqa: A002
    address: Annotated[
        str, Path(max_length=64, description="An address of the VM.", examples=["192.168.130.2"])
    ],
    body: ReverseName,
) -> Response:
    """Give an address of the VM its own reverse name."""
    return write.request(id, lambda: names.set_reverse(write.actor, id, address, body.name))


@router.post(
    "/api/v1/services/{id}/vm/console",
    status_code=201,
    responses=answers(shapes.Link, (*WRITE, 502), 201),
    tags=_TAGS,
)
def open_console(request: Request, write: Write, id: ServiceId) -> Response:  # noqa: A002
    """Open the VM's noVNC console: a link that opens once, within 10 s. It takes no Idempotency-Key."""
    _, url = request.app.state.screens.offer(write.actor, id)
    return JSONResponse({"url": url, "expires": iso(now_ms() + _SECONDS * 1000)}, 201)
