"""What happens to a VM after its first deploy: snapshots, backups, restore, a new password, an ISO image.

Each is requested once, leaves vm_status unchanged and is not retried. A failure is shown; an operator may repeat the
request.
"""

from __future__ import annotations

from engine.pipelines.commands import on_vm
from engine.pipelines.steps import backups, disk_repair, media, power, snapshots
from engine.pipelines.steps.compute import cpu_ram, set_cpu_ram
from engine.pipelines.steps.disks import (
    create_additional,
    limit_additional,
    limit_system,
    resize_additional,
    resize_system,
    system_limits,
)
from engine.pipelines.steps.firewall import set_firewall
from engine.pipelines.steps.joint import jointly
from engine.pipelines.steps.network import first_card, set_network
from engine.pipelines.steps.verify import verify_password, verify_restored
from engine.work.model import Pipeline, PipelineStep

_AFTER_RESTORE = "Try the restore again, or reinstall the VM."


def _asked(name: str, *steps: PipelineStep, advice: str = "") -> Pipeline:
    return Pipeline(name, start="", steps=steps, by_status=False, retry=False, advice=advice)


MAINTENANCE: tuple[Pipeline, ...] = (
    _asked("Snapshot", PipelineStep(None, "Take snapshot", on_vm(snapshots.take))),
    _asked("ScheduledSnapshot", PipelineStep(None, "Take snapshot", on_vm(snapshots.take_scheduled))),
    _asked("DeleteSnapshot", PipelineStep(None, "Delete snapshot", on_vm(snapshots.delete))),
    _asked(
        "Rollback",
        PipelineStep(None, "Roll back", on_vm(snapshots.roll_back)),
        PipelineStep(None, "Start VM", snapshots.start_again),
    ),
    _asked("RemoveOldSnapshots", PipelineStep(None, "Remove old snapshots", on_vm(snapshots.remove_old))),
    _asked("Backup", PipelineStep(None, "Make backup", on_vm(backups.make))),
    _asked("DeleteBackup", PipelineStep(None, "Delete backup", on_vm(backups.delete))),
    _asked(
        "Restore",
        PipelineStep(
            None, "Stop VM", on_vm(backups.stop_for_restore), while_running=power.still_shutting_down
        ),
        PipelineStep(None, "Restore backup", backups.restore),
        PipelineStep(None, "Set CPU & RAM", jointly(set_cpu_ram, cpu_ram, system_limits, first_card)),
        PipelineStep(None, "Resize system disk", resize_system),
        PipelineStep(None, "Set system disk I/O", jointly(limit_system, system_limits, first_card)),
        PipelineStep(None, "Create additional disk", create_additional),
        PipelineStep(None, "Resize additional disk", resize_additional),
        PipelineStep(None, "Set additional disk I/O", limit_additional),
        PipelineStep(None, "Configure network", jointly(set_network, first_card)),
        PipelineStep(None, "Configure firewall", set_firewall),
        PipelineStep(None, "Start VM", power.start_unless_suspended),
        PipelineStep(None, "Verify running + Email", verify_restored),
        advice=_AFTER_RESTORE,
    ),
    _asked(
        "ResetPassword",
        PipelineStep(None, "Choose password", media.choose_password, needs_guest=False),
        PipelineStep(None, "Set password in the guest", on_vm(media.set_live)),
        PipelineStep(None, "Stop VM", media.stop_for_password, while_running=power.still_shutting_down),
        PipelineStep(None, "Write password for cloud-init", media.write_password),
        PipelineStep(None, "Start VM", media.start_after_password),
        PipelineStep(None, "Verify running + Email", verify_password),
    ),
    _asked("RepairDisks", PipelineStep(None, "Convert disks to qcow2", on_vm(disk_repair.convert))),
    _asked("MountIso", PipelineStep(None, "Mount ISO", on_vm(media.mount_iso))),
    _asked("EjectIso", PipelineStep(None, "Eject ISO", on_vm(media.eject_iso))),
)
