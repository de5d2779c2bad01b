"""Module commands and power: pipelines of one step that leave vm_status as it is and are not retried."""

from __future__ import annotations

from functools import partial

from engine.pipelines.context import Context
from engine.pipelines.steps import power, removal
from engine.pipelines.steps.addresses import allocate_ip
from engine.pipelines.steps.clone import clone_vm
from engine.pipelines.steps.cloudinit import set_cloudinit
from engine.pipelines.steps.compute import set_cpu_ram
from engine.pipelines.steps.disks import (
    create_additional,
    limit_additional,
    limit_system,
    resize_additional,
    resize_system,
)
from engine.pipelines.steps.firewall import set_firewall
from engine.pipelines.steps.names import configure_dns
from engine.pipelines.steps.network import set_network, set_rate
from engine.pipelines.steps.pending import report_pending
from engine.store.database import in_transaction
from engine.store.models import Service
from engine.traffic import quota
from engine.work.model import Done, Fail, Outcome, Pipeline, PipelineStep, Skip, StepFunction, WhileTaskRuns


def _one(
    name: str,
    run: StepFunction,
    label: str = "",
    needs_guest: bool = True,
    while_running: WhileTaskRuns | None = None,
) -> Pipeline:
    step = PipelineStep(None, label or name, run, needs_guest, while_running)
    return Pipeline(name, start="", steps=(step,), by_status=False, retry=False)


def _there(ctx: Context) -> bool:
    return ctx.vm.vmid is not None and bool(ctx.vm.node)


def on_vm(run: StepFunction) -> StepFunction:
    """The step, refused while there is no VM to work on."""

    def guarded(ctx: Context) -> Outcome:
        if not _there(ctx):
            return Fail("the VM is not on Proxmox; 'VMClone' or a redeploy creates it")
        return run(ctx)

    return guarded


def only_when_off(run: StepFunction) -> StepFunction:
    """The step, refused while the VM runs: the legend's `**`, enforced where it counts."""

    def guarded(ctx: Context) -> Outcome:
        if power.read_status(ctx).running:
            return Fail("it can run only while the VM is off (**); stop the VM first")
        return run(ctx)

    return on_vm(guarded)


def suspend(ctx: Context) -> Outcome:
    """Have the VM off and the service Suspended; when the traffic quota requested it, only while it is due."""
    if ctx.args.get(quota.BY_QUOTA) and not _quota_may_suspend(ctx):
        return Skip(_NOT_DUE)
    return _then(ctx, power.shut_down(ctx) if _there(ctx) else Skip(_NO_VM), "Suspended")


def unsuspend(ctx: Context) -> Outcome:
    """Have the VM running and the service Active; when the traffic quota requested it, only what it suspended."""
    by_quota = bool(ctx.args.get(quota.BY_QUOTA))
    if by_quota and quota.hold_of(ctx.vm.service_id) != "ending":
        return Skip(_NOT_DUE)
    outcome = _then(ctx, power.start(ctx) if _there(ctx) else Skip(_NO_VM), "Active")
    if by_quota and isinstance(outcome, Done | Skip):
        ctx.on_commit_with_end(partial(_end_hold, ctx.vm.service_id))
    return outcome


def _end_hold(service_id: int) -> None:
    quota.move_hold(service_id, ("ending",), "")


def _quota_may_suspend(ctx: Context) -> bool:
    """Note that the quota suspends from here on, before the VM is touched; False when somebody else decided since."""
    return in_transaction(lambda: quota.move_hold(ctx.vm.service_id, ("due", "on"), "on"))


def unless_suspended(run: StepFunction) -> StepFunction:
    """The step, refused while the service is suspended: it may have been requested before that."""

    def guarded(ctx: Context) -> Outcome:
        if ctx.vm.service.status == "Suspended":
            return Fail("the service is suspended; unsuspend it first")
        return run(ctx)

    return guarded


def _then(ctx: Context, outcome: Outcome, status: str) -> Outcome:
    if isinstance(outcome, Done | Skip):
        ctx.on_commit_with_end(
            lambda: Service.update(status=status).where(Service.id == ctx.vm.service_id).execute()
        )
    return outcome


_NO_VM = "the VM does not exist in Proxmox"
_NOT_DUE = "the traffic quota no longer requires it"

COMMANDS: tuple[Pipeline, ...] = (
    _one("Start", on_vm(unless_suspended(power.start)), "Start VM"),
    _one("Stop", on_vm(power.stop), "Stop VM"),
    _one("Shutdown", on_vm(power.request_shutdown), "Shut VM down"),
    _one("Reboot", on_vm(unless_suspended(power.reboot)), "Reboot VM"),
    _one("Suspend", suspend, "Suspend VM", while_running=power.still_shutting_down),
    _one("Unsuspend", unsuspend, "Unsuspend VM"),
    _one("VMSetDedicatedIp", allocate_ip, "Allocate IP", needs_guest=False),
    _one("VMClone", clone_vm, "Clone VM"),
    _one("Set CPU RAM", only_when_off(set_cpu_ram), "Set CPU & RAM"),
    _one("Set System Disk Size", on_vm(resize_system), "Resize system disk"),
    _one("Set System Disk Bandwidth", on_vm(report_pending(limit_system)), "Set system disk I/O"),
    _one("Set Created Additional Disk", on_vm(report_pending(create_additional)), "Create additional disk"),
    _one("Set Additional Disk Size", on_vm(resize_additional), "Resize additional disk"),
    _one("Set Additional Disk Bandwidth", on_vm(report_pending(limit_additional)), "Set additional disk I/O"),
    _one("Set Network", on_vm(report_pending(set_network)), "Configure network"),
    _one("SetNetworkRate", on_vm(report_pending(set_rate)), "Set network rate"),
    _one("Set Firewall", on_vm(set_firewall), "Configure firewall"),
    _one("SetCloudinit", only_when_off(set_cloudinit), "Configure cloud-init"),
    _one("VMRemove", removal.delete_vm, "Remove VM"),
    _one("Set DNS records", configure_dns, "Set DNS records", needs_guest=False),
)
