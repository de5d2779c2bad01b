"""Reads of the site: products, servers, pools, zones, tasks, audit, VMs, usage."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from fastapi.responses import Response

from engine.errors import NotFound
from engine.queries import audit, inventory, keyset, pools, scoped_audit, tasks, traffic, vm_list
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, answers, page, send, send_page, send_stretch
from kvmtui.api.routing import Caller, Page, Stretch

router = routing.router()
Name = Annotated[str, Path(max_length=200, description="The name.", examples=["VPS-2"])]
Month = Annotated[
    str, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="YYYY-MM.", examples=["2026-04"])
]


@router.get("/api/v1/products", responses=page(shapes.Product), tags=["Products"])
def list_products(caller: Caller, paging: Page) -> Response:
    """List the products."""
    return send_page(named(inventory.products(caller.scope), paging, ("name", "server", "id")))


@router.get("/api/v1/products/{name}", responses=answers(shapes.Product, ONE), tags=["Products"])
def show_product(caller: Caller, name: Name) -> Response:
    """Show a product with what VMs are made from."""
    return send(_one(inventory.products(caller.scope), name, "product"))


@router.get("/api/v1/servers", responses=page(shapes.Server), tags=["Servers"])
def list_servers(caller: Caller, paging: Page) -> Response:
    """List the servers (Proxmox VE clusters)."""
    routing.whole_site(caller, "list the servers")
    return send_page(named(inventory.servers(), paging, ("name", "state", "id")))


@router.get("/api/v1/servers/{name}", responses=answers(shapes.Server, ONE), tags=["Servers"])
def show_server(caller: Caller, name: Name) -> Response:
    """Show a server."""
    routing.whole_site(caller, "show a server")
    return send(_one(inventory.servers(), name, "server"))


@router.get("/api/v1/pools", responses=page(shapes.Pool), tags=["Servers"])
def list_pools(caller: Caller, paging: Page) -> Response:
    """List the address pools with how full they are."""
    routing.whole_site(caller, "list the pools")
    return send_page(named(pools.pools(), paging, ("id", "server", "start", "free")))


@router.get("/api/v1/zones", responses=page(shapes.Zone), tags=["DNS"])
def list_zones(caller: Caller, paging: Page) -> Response:
    """List the DNS zones."""
    routing.whole_site(caller, "list the zones")
    return send_page(named(inventory.zones(), paging, ("zone", "type", "id")))


@router.get("/api/v1/tasks", responses=page(shapes.Task), tags=["Engine"])
def list_tasks(caller: Caller, paging: Stretch) -> Response:
    """List the scheduled tasks with their last and next run."""
    routing.whole_site(caller, "list the tasks")
    return send_stretch(shapes.Task, tasks.tasks(), paging)


@router.get("/api/v1/audit", responses=page(shapes.Audit), tags=["Engine"])
def list_audit(caller: Caller, paging: Page) -> Response:
    """List what was changed by whom, newest first. `q` is the console's filter, such as `who:shop object:vm:5546`.

    A limited token sees the changes of its services; who else made them, and why, is masked.
    """
    keyset.order(paging.sort, ("id",))  # newest first, whatever the sign: the trail is read backwards
    before = int(keyset.decoded(paging.after)[1]) if paging.after else None
    rows = scoped_audit.stretch(caller, audit.asked(paging.q), before, paging.limit + 1)
    last = rows[paging.limit - 1] if len(rows) > paging.limit else None
    following = keyset.encoded(last.id, last.id) if last else None
    return send_page(keyset.Slice(rows[: paging.limit], following))


@router.get("/api/v1/vms", responses=page(shapes.Vm), tags=["VMs"])
def list_vms(
    caller: Caller,
    paging: Page,
    service_status: Annotated[
        Literal["all", "Pending", "Active", "Suspended", "Terminated", "Cancelled"],
        Query(description="Only VMs of services with this status."),
    ] = "all",
    state: Annotated[
        Literal["all", "working", "stuck", "waiting", "ready", "error_terminate", "remove"],
        Query(description="Only VMs in this state."),
    ] = "all",
) -> Response:
    """List the VMs. `q` is the console's filter, such as `node:pve1 is:stuck` or `ip:192.0.2.0/24`."""
    name, descending = keyset.order(paging.sort, vm_list.SORTS)
    question = vm_list.VmQuestion(paging.q, service_status, state, name, descending)
    return send_page(vm_list.after(question, paging.after, paging.limit, caller.scope))


@router.get("/api/v1/usage", responses=page(shapes.Usage), tags=["Usage"])
def list_usage(caller: Caller, paging: Page, month: Month) -> Response:
    """List the bytes each service transferred in a month, for billing."""
    found = traffic.months(None, month, caller.scope)
    return send_page(named(found, paging, ("service_id", "bytes_in", "bytes_out"), "service_id"))


def named(
    found: list[Any], paging: routing.Paging, sorts: tuple[str, ...], number: str = "id"
) -> keyset.Slice[Any]:
    """A page of a short list, filtered by words in its first fields."""
    name, descending = keyset.order(paging.sort, sorts)
    for word in paging.q.lower().split():
        found = [each for each in found if any(word in str(getattr(each, one)).lower() for one in sorts)]
    return keyset.sliced(
        found,
        lambda each: (getattr(each, name), getattr(each, number)),
        descending=descending,
        after=paging.after,
        limit=paging.limit,
    )


def _one(found: list[Any], name: str, kind: str) -> Any:
    for each in found:
        if each.name == name:
            return each
    raise NotFound(f"{kind.capitalize()} '{name}' not found.")
