"""What a client may know about a service: its state in plain words, its limits, and how far a request has come.

Nothing here names a server, node, VMID, step or error: those are for operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.actions.packages import applied
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.pipelines.registry import catalog
from engine.plan import Plan, effective
from engine.queries.vms import IpView, vms_of
from engine.store.database import session
from engine.store.models import Request, Service, Step, Vm
from engine.work.catalog import AT_REST
from engine.work.requests import OPEN
from engine.work.servers import Servers

Condition = Literal["setup", "ready", "suspended", "ended"]
NEWS_MS = 15 * 60_000  # how long the end of a request is news
_ENDED = ("Terminated", "Cancelled")
_DISKS = ("Restore", "Rollback", "Deploy", "Reinstall", "Redeploy")


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request of a service, as its client sees it; `stuck` is one that an operator has to look at."""

    id: int
    action: str  # a name of the catalog, such as `Restore`
    state: Literal["open", "stuck", "done", "failed"]
    own: bool  # made on a client's page
    steps_done: int
    steps: int


@dataclass(frozen=True, slots=True)
class ClientPage:
    """A service as its client sees it."""

    service_id: int
    product: str
    language: str
    condition: Condition
    name: str
    addresses: tuple[IpView, ...]
    cores: int
    memory_mib: int
    disk_gib: int
    may: frozenset[str]
    """start, stop, reboot, console, charts, reinstall, password, rdns, iso, snapshots, backups."""
    snapshots: int
    snapshot_lifetime: int
    backups: int
    request: ClientRequest | None
    """What is being done, else what has ended a short while ago."""
    restore_failed: bool
    """The last thing done to the disks was a restore that failed."""

    @property
    def busy(self) -> bool:
        """Whether something is being done, so that nothing else can be requested."""
        return self.request is not None and self.request.state in ("open", "stuck")


def client_page(service_id: int) -> ClientPage:
    """A service as its client sees it; NotFound when there is none."""
    with session():
        service = Service.get_by_id(service_id)
        vm = Vm.get_or_none(Vm.service == service_id)
        view = next(iter(vms_of([service_id])), None)
        wanted = effective(service.product.spec, service.options)
        plan = applied(vm) if vm is not None else wanted
        return ClientPage(
            service_id=service_id,
            product=service.product.name,
            language=service.client.language,
            condition=_condition(service, vm),
            name=view.fqdn if view else "",
            addresses=tuple(view.ips) if view else (),
            cores=max(plan.cores, 1) * max(plan.sockets, 1) if plan.cores else 0,
            memory_mib=plan.memory,
            disk_gib=plan.system_disk.size,
            may=_may(wanted, plan),
            snapshots=plan.snapshots,
            snapshot_lifetime=plan.snapshot_lifetime,
            backups=plan.backups if plan.backup_storage else 0,
            request=_newest(service_id, vm),
            restore_failed=_restore_failed(service_id),
        )


def offered_templates(service_id: int) -> dict[str, str]:
    """What a reinstall may use, and how the client sees it: the value to request, by its name.

    The VM's own template comes first. The names of those that are set up by VMID come from the cluster.
    """
    with session():
        vm = Vm.get(Vm.service == service_id)
        plan = effective(vm.service.product.spec, vm.service.options)
        server = vm.server
        wanted = [
            str(each) for each in (vm.template or plan.template, plan.template, *plan.offered_templates)
        ]
    wanted = [each for each in dict.fromkeys(wanted) if each not in ("", "0")]
    names = _template_names(server) if any(each.isdigit() for each in wanted) else {}
    return {each: names.get(each, each) for each in wanted}


def _template_names(server: object) -> dict[str, str]:
    servers = Servers()
    try:
        with session():
            cluster = servers.cluster(server)  # type: ignore[arg-type]
        return {str(row.vmid): row.name for row in cluster.resources() if row.template and row.name}
    except KvmtuiError:
        return {}
    finally:
        servers.close()


def _condition(service: Service, vm: Vm | None) -> Condition:
    if service.status in _ENDED or (
        vm is not None and vm.vm_status in ("terminate", "error_terminate", "remove")
    ):
        return "ended"
    if service.status == "Suspended":
        return "suspended"
    return "ready" if vm is not None and vm.vm_status == "ready" else "setup"


def _may(wanted: Plan, plan: Plan) -> frozenset[str]:
    """What the product allows now; how many snapshots and backups there may be is what was applied last."""
    named = ("start", "stop", "console", "charts", "reinstall", "password", "rdns", "iso")
    found = {name for name in named if wanted.permissions.get(name, True)}
    if {"start", "stop"} <= found:
        found.add("reboot")
    if not plan.iso_storage:
        found.discard("iso")
    if plan.snapshots > 0:
        found.add("snapshots")
    if plan.backups > 0 and plan.backup_storage:
        found.add("backups")
    return frozenset(found)


def _newest(service_id: int, vm: Vm | None) -> ClientRequest | None:
    mine = Request.service == service_id
    row = (
        Request.select()
        .where(mine, Request.state.in_(OPEN))
        .order_by(Request.state.desc(), Request.id)
        .first()
    )
    if row is None:
        recent = Request.ended_at > now_ms() - NEWS_MS
        own = Request.source == "client"
        row = Request.select().where(mine, own, recent).order_by(Request.id.desc()).first()
    if row is None:
        return _unrequested(vm)
    failed = row.state in OPEN and bool(row.error)
    state: Literal["open", "stuck", "done", "failed"] = (
        ("stuck" if failed else "open") if row.state in OPEN else "done" if row.state == "done" else "failed"
    )
    steps = _steps(row.pipeline)
    done = 0
    if row.run is not None:
        ended = Step.result.in_(("success", "skip"))
        done = Step.select(Step.to_status, Step.label).where(Step.run == row.run, ended).distinct().count()
    return ClientRequest(row.id, row.action, state, row.source == "client", min(done, steps), steps)


def _steps(pipeline: str) -> int:
    try:
        return len(catalog().named(pipeline).steps)
    except KeyError:  # a pipeline of an older release
        return 1


def _unrequested(vm: Vm | None) -> ClientRequest | None:
    """A VM at work that nobody requested, as after an upgrade from an old release."""
    if vm is None or vm.vm_status in AT_REST:
        return None
    return ClientRequest(0, "", "stuck" if vm.error else "open", False, 0, 1)


def _restore_failed(service_id: int) -> bool:
    about = Request.pipeline.in_(_DISKS) & (Request.service == service_id)
    row = Request.select().where(about).order_by(Request.id.desc()).first()
    return row is not None and row.pipeline == "Restore" and row.state == "failed"
