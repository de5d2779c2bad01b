"""What the API answers, as models for the schema: made from the views of `engine.queries`, so that both agree."""

from __future__ import annotations

import dataclasses
import types
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from engine.actions.previews import Preview as PreviewView
from engine.queries import (
    audit,
    charts,
    dns,
    effects,
    inventory,
    maintenance,
    notifications,
    pools,
    quota,
    runs,
    suspension,
    traffic,
    vms,
    webhooks,
)

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, description="ISO 8601, UTC.")]
State = Literal["queued", "running", "waiting", "done", "failed", "withdrawn"]


class Shape(BaseModel):
    """An object the API answers."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, defer_build=True)  # only described


@cache
def of_view(view: type, name: str) -> type[Shape]:
    """The model of a view: its fields, with moments as times."""
    hints = get_type_hints(view)
    fields: dict[str, Any] = {}
    for each in dataclasses.fields(view):
        wanted = _translated(hints[each.name])
        if "Moment" in str(each.type):
            wanted = Time | None if "None" in str(each.type) else Time
        fields[each.name] = (wanted, ...)
    doc = " ".join((view.__doc__ or "").split())
    return create_model(name, __base__=Shape, __doc__=doc, **fields)


def _translated(hint: Any) -> Any:
    """A type of a view as a model has it."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return of_view(hint, hint.__name__.removesuffix("View"))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (list, tuple):
        return list[_translated(arguments[0])]  # type: ignore[misc]
    if origin is dict:
        return dict[str, _translated(arguments[1])]  # type: ignore[misc]
    if origin in (Union, types.UnionType):
        return Union[tuple(_translated(each) for each in arguments)]  # noqa: UP007
    return hint


Vm = of_view(vms.VmView, "Vm")
Product = of_view(inventory.ProductView, "Product")
Server = of_view(inventory.ServerView, "Server")
Zone = of_view(inventory.ZoneView, "Zone")
Pool = of_view(pools.PoolView, "Pool")
Client = of_view(inventory.ClientView, "Client")
Service = of_view(inventory.ServiceView, "Service")
Usage = of_view(traffic.MonthView, "Usage")
TrafficQuota = of_view(quota.QuotaView, "TrafficQuota")
Audit = of_view(audit.AuditView, "AuditRow")
Charts = of_view(charts.ChartsView, "Charts")
Snapshot = of_view(maintenance.SnapshotView, "Snapshot")
Backup = of_view(maintenance.BackupView, "Backup")
Iso = of_view(maintenance.IsoView, "Iso")
Mapping = of_view(dns.NameMapping, "DnsMapping")
Effect = of_view(effects.Effect, "Effect")
Webhook = of_view(webhooks.WebhookView, "Webhook")
Delivery = of_view(webhooks.DeliveryView, "Delivery")
NotifyTarget = of_view(notifications.TargetView, "NotifyTarget")
Preview = of_view(PreviewView, "Preview")


class ServiceDetail(Service):  # type: ignore[valid-type, misc]
    """A service with its notes, its suspension and its traffic quota, which is null when traffic is unlimited."""

    notes: str
    traffic_quota: TrafficQuota | None  # type: ignore[valid-type]
    suspended: of_view(suspension.Suspension, "Suspension") | None  # type: ignore[valid-type]


class Step(Shape):
    """One step of a run."""

    n: int
    step: str
    label: str
    from_: str = Field(alias="from")
    to: str
    result: Literal["success", "skip", "waiting", "error"]
    started: Time
    seconds: float
    error: str | None
    notes: list[str]


class Run(Shape):
    """One pass of a pipeline over a VM, with its steps."""

    __doc__ = runs.RunView.__doc__
    id: int
    action: str
    from_: str = Field(alias="from")
    to: str
    result: Literal["running", "success", "waiting", "error"]
    started: Time
    finished: Time | None
    seconds: float
    error: str | None
    asked_by: str | None
    steps: list[Step]


class Request(Shape):
    """A request that was accepted. `id` is null when nothing had to be queued; `state` is then `done`."""

    id: int | None
    state: State
    action: str
    service_id: int | None
    run_id: int | None
    error: str | None


class RequestDetail(Request):
    """A request with who sent it and when it began and ended."""

    requested_by: str
    requested: Time | None
    started: Time | None
    ended: Time | None


class Accepted(Shape):
    """The answer to a write."""

    request: Request
    message: str


class ServiceAccepted(Accepted):
    """The answer to a write of a service's record."""

    service: ServiceDetail


class ClientAccepted(Accepted):
    """The answer to a write of a client."""

    client: Client  # type: ignore[valid-type]


class LastResult(Shape):
    """How the last run of a task ended."""

    processed: int
    errors: int
    seconds: float


class Task(Shape):
    """A scheduled task."""

    task: str
    interval_minutes: int
    last_run: Time | None
    next_run: Time | None
    locked: bool
    last_result: LastResult | None


class Schedule(Shape):
    """When a VM is backed up by itself; no days: never."""

    days: list[str]
    at: str


class NewWebhook(Webhook):  # type: ignore[valid-type, misc]
    """An endpoint with its signing secret, which is shown this once."""

    secret: str


class Said(Shape):
    """What was answered."""

    message: str


class Link(Shape):
    """A link that opens once, until it expires."""

    url: str
    expires: Time


class Health(Shape):
    """The server answers."""

    status: Literal["ok"]
    version: str


class Ready(Shape):
    """The server can work: its database answers."""

    status: Literal["ready"]


class ChangePlan(Shape):
    """What change-package would do, and whether the VM restarts."""

    effects: list[Effect]  # type: ignore[valid-type]
    message: str


class Event(Shape):
    """One event of the stream."""

    id: int
    at: Time
    kind: str
    level: str
    text: str
    service_id: int | None
    run_id: int | None
    data: dict[str, Any]


class Fault(Shape):
    """One thing that is wrong with a request."""

    path: str
    detail: str


class Problem(Shape):
    """An error, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(
        description="What failed: why. What to do. The sentence that the command line prints."
    )
    errors: list[Fault] | None = None


class ServiceUsage(Shape):
    """The months of a service, and its traffic quota in the current one; null when traffic is unlimited."""

    items: list[Usage]  # type: ignore[valid-type]
    next: None
    quota: TrafficQuota | None  # type: ignore[valid-type]


@cache
def page_of(item: type[Shape]) -> type[Shape]:
    """A page of a list of these."""
    fields: dict[str, Any] = {
        "items": (list[item], ...),  # type: ignore[valid-type]
        "next": (
            Annotated[str | None, Field(description="`after` of the next page; null on the last.")],
            ...,
        ),
    }
    return create_model(
        f"{item.__name__}Page", __base__=Shape, __doc__=f"A page of {item.__name__}.", **fields
    )
