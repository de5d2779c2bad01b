"""Deploy: from nothing to a VM its client can use."""

from __future__ import annotations

from engine.pipelines.steps.addresses import allocate_ip
from engine.pipelines.steps.clone import clone_vm
from engine.pipelines.steps.cloudinit import login, set_cloudinit
from engine.pipelines.steps.compute import cpu_ram, set_cpu_ram
from engine.pipelines.steps.disks import (
    create_additional,
    limit_additional,
    limit_system,
    new_disk,
    resize_additional,
    resize_system,
    system_limits,
)
from engine.pipelines.steps.firewall import set_firewall
from engine.pipelines.steps.joint import jointly
from engine.pipelines.steps.migrate import migrate_to_target, still_moving
from engine.pipelines.steps.names import configure_dns
from engine.pipelines.steps.network import first_card, set_network
from engine.pipelines.steps.power import start_unless_suspended
from engine.pipelines.steps.removal import delete_for_redeploy, free_for_redeploy, remove_for_reinstall
from engine.pipelines.steps.verify import verify_running
from engine.work.model import Pipeline, PipelineStep

DEPLOY = Pipeline(
    "Deploy",
    start="creation",
    steps=(
        PipelineStep("set_ip", "Allocate IP", allocate_ip, needs_guest=False),
        PipelineStep("clone", "Clone VM", clone_vm),
        PipelineStep("set_dns", "Configure DNS records", configure_dns, needs_guest=False),
        PipelineStep("migrated", "Migrate to target node", migrate_to_target, while_running=still_moving),
        PipelineStep(
            "set_cpu_ram",
            "Set CPU & RAM",
            jointly(set_cpu_ram, cpu_ram, system_limits, new_disk, first_card, login),
        ),
        PipelineStep("set_system_disk_size", "Resize system disk", resize_system),
        PipelineStep(
            "set_system_disk_bandwidth",
            "Set system disk I/O",
            jointly(limit_system, system_limits, new_disk, first_card, login),
        ),
        PipelineStep(
            "set_created_additional_disk", "Create additional disk", jointly(create_additional, new_disk)
        ),
        PipelineStep("set_additional_disk_size", "Resize additional disk", resize_additional),
        PipelineStep("set_additional_disk_bandwidth", "Set additional disk I/O", limit_additional),
        PipelineStep("set_network", "Configure network", jointly(set_network, first_card, login)),
        PipelineStep("set_firewall", "Configure firewall", set_firewall),
        PipelineStep("set_cloudinit", "Configure cloud-init", jointly(set_cloudinit, login)),
        PipelineStep("starting", "Start VM", start_unless_suspended),
        PipelineStep("ready", "Verify running + Email", verify_running),
    ),
)

REINSTALL = Pipeline(
    "Reinstall",
    start="reinstall",
    steps=(PipelineStep("set_ip", "Remove VM", remove_for_reinstall), *DEPLOY.steps[1:]),
)

REDEPLOY = Pipeline(
    "Redeploy",
    start="",
    by_status=False,
    steps=(
        PipelineStep(None, "Remove VM", delete_for_redeploy),
        PipelineStep("creation", "Free addresses and VMID", free_for_redeploy, needs_guest=False),
        *DEPLOY.steps,
    ),
)
