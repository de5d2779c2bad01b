"""What happens to a VM after its first deploy: snapshots, backups, restore, a new password, an ISO image.

Each is asked for once, leaves vm_status alone and is not retried: a failure is shown and an operator asks again.
"""

from __future__ import annotations

from engine.pipelines.commands import on_machine
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
from engine.work.model import Pipeline, Step

_AFTER_RESTORE = "Try the restore again, or reinstall the VM."


def _asked(name: str, *steps: Step, advice: str = "") -> Pipeline:
    return Pipeline(name, start="", steps=steps, by_status=False, retry=False, advice=advice)


DAY_TWO: tuple[Pipeline, ...] = (
    _asked("Snapshot", Step(None, "Take snapshot", on_machine(snapshots.take))),
    _asked("ScheduledSnapshot", Step(None, "Take snapshot", on_machine(snapshots.take_scheduled))),
    _asked("DeleteSnapshot", Step(None, "Delete snapshot", on_machine(snapshots.delete))),
    _asked(
        "Rollback",
        Step(None, "Roll back", on_machine(snapshots.roll_back)),
        Step(None, "Start VM", snapshots.start_again),
    ),
    _asked("RemoveOldSnapshots", Step(None, "Remove old snapshots", on_machine(snapshots.remove_old))),
    _asked("Backup", Step(None, "Make backup", on_machine(backups.make))),
    _asked("DeleteBackup", Step(None, "Delete backup", on_machine(backups.delete))),
    _asked(
        "Restore",
        Step(None, "Stop VM", on_machine(power.shut_down), meanwhile=power.still_shutting_down),
        Step(None, "Restore backup", backups.restore),
        Step(None, "Set CPU & RAM", jointly(set_cpu_ram, cpu_ram, system_limits, first_card)),
        Step(None, "Resize system disk", resize_system),
        Step(None, "Set system disk I/O", jointly(limit_system, system_limits, first_card)),
        Step(None, "Create additional disk", create_additional),
        Step(None, "Resize additional disk", resize_additional),
        Step(None, "Set additional disk I/O", limit_additional),
        Step(None, "Configure network", jointly(set_network, first_card)),
        Step(None, "Configure firewall", set_firewall),
        Step(None, "Start VM", power.start_unless_suspended),
        Step(None, "Verify running + Email", verify_restored),
        advice=_AFTER_RESTORE,
    ),
    _asked(
        "ResetPassword",
        Step(None, "Choose password", media.choose_password, needs_guest=False),
        Step(None, "Set password in the guest", on_machine(media.set_live)),
        Step(None, "Stop VM", media.stop_for_password, meanwhile=power.still_shutting_down),
        Step(None, "Write password for cloud-init", media.write_password),
        Step(None, "Start VM", media.start_after_password),
        Step(None, "Verify running + Email", verify_password),
    ),
    _asked("RepairDisks", Step(None, "Convert disks to qcow2", on_machine(disk_repair.convert))),
    _asked("MountIso", Step(None, "Mount ISO", on_machine(media.mount_iso))),
    _asked("EjectIso", Step(None, "Eject ISO", on_machine(media.eject_iso))),
)
