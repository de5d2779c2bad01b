"""ChangePackage: from the plan a VM has to the plan its service has. Only what differs is touched."""

from __future__ import annotations

from engine.pipelines.context import Context
from engine.pipelines.steps.addresses import add_addresses, entitled, held, take_addresses
from engine.pipelines.steps.cloudinit import renew_addresses
from engine.pipelines.steps.compute import cpu_ram, set_cpu_ram
from engine.pipelines.steps.disks import (
    create_additional,
    limit_additional,
    limit_system,
    missing_storage,
    resize_additional,
    resize_system,
    system_limits,
)
from engine.pipelines.steps.firewall import bring_about, set_firewall
from engine.pipelines.steps.joint import jointly
from engine.pipelines.steps.names import sync
from engine.pipelines.steps.network import first_card, set_network
from engine.pipelines.steps.power import shut_down, start_unless_suspended, still_shutting_down
from engine.pipelines.steps.verify import verify
from engine.work.model import Again, Done, Fail, Outcome, Pipeline, PipelineStep


def update_ip(ctx: Context) -> Outcome:
    """Have the addresses of the new plan, and with them the anti-spoofing set, cloud-init and DNS.

    An address is given up only after the set no longer lets the VM use it.
    """
    if ctx.vm.vmid is None or not ctx.vm.node:
        return Fail("there is no VM to change yet; reset the VM to creation")
    before = ctx.flow.get("before") or held(ctx.vm)
    ctx.remember(before=before)
    if failed := add_addresses(ctx):
        return failed
    if bring_about(ctx, entitled(ctx)):
        return Again()
    taken = take_addresses(ctx)
    if isinstance(taken, Fail) or renew_addresses(ctx):
        return taken if isinstance(taken, Fail) else Again()
    report = sync(ctx)
    after = held(ctx.vm)
    if after == before:
        return ctx.reached(report)
    return Done((f"addresses: {', '.join(after) or 'none'}", *report))


def stop(ctx: Context) -> Outcome:
    """Have the VM off, but not for a disk that cannot be created."""
    if not ctx.acted and (missing := missing_storage(ctx)):
        return Fail(f"{missing.rstrip('. ')}. The VM was not stopped")
    return shut_down(ctx)


def verify_changed(ctx: Context) -> Outcome:
    """Have the VM running, or off when its service is suspended; then the new plan is the VM's own."""
    return verify(ctx, "changed")


CHANGE_PACKAGE = Pipeline(
    "ChangePackage",
    start="change_package",
    steps=(
        PipelineStep("cp_update_ip", "Update IP + DNS + Firewall", update_ip),
        PipelineStep("cp_stop", "Stop VM", stop, while_running=still_shutting_down),
        PipelineStep("cp_cpu_ram", "Set CPU & RAM", jointly(set_cpu_ram, cpu_ram, system_limits, first_card)),
        PipelineStep("cp_system_disk_size", "Resize system disk", resize_system),
        PipelineStep(
            "cp_system_disk_bandwidth",
            "Set system disk I/O",
            jointly(limit_system, system_limits, first_card),
        ),
        PipelineStep("cp_additional_disk", "Create additional disk", create_additional),
        PipelineStep("cp_additional_disk_size", "Resize additional disk", resize_additional),
        PipelineStep("cp_additional_disk_bandwidth", "Set additional disk I/O", limit_additional),
        PipelineStep("cp_network", "Configure network", jointly(set_network, first_card)),
        PipelineStep("cp_firewall", "Configure firewall", set_firewall),
        PipelineStep("cp_start", "Start VM", start_unless_suspended),
        PipelineStep("ready", "Verify VM", verify_changed),
    ),
)
