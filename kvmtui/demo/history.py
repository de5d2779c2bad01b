"""What a year has left on the demo's site: charts, drift, schedules, snapshots, backups, and changes that wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from engine.actions import tokens
from engine.audit import current_actor
from engine.clock import local_now, now_ms
from engine.ipam.pools import reserve
from engine.proxmox.mark import Mark
from engine.roles import Role
from engine.running import instance
from engine.store.database import transaction
from engine.store.models import (
    BackupSchedule,
    DailyBackup,
    DailySnapshot,
    DnsRecord,
    Pool,
    Snapshot,
    SnapshotSchedule,
    Vm,
    Zone,
)
from kvmtui.lab import Lab
from kvmtui.lab.volumes import GIB

DAY_MS = 86_400_000
EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BACKUP_MINUTE, SNAPSHOT_MINUTE = 150, 195
NO_SPACE = "backup: no space left on device (os error 28)"
DRIFTED: dict[int, dict[str, Any]] = {5508: {"memory": "4096"}, 5514: {"cores": 4}}
"""Services of VMs that somebody changed in Proxmox, and how."""
BACKED_UP, OVERDUE = (5503, 5509, 5517), (5506, 5511)
SNAPSHOTS = (5502, 5515)
AWAY = "delta.example"
"""A zone at a server that does not answer."""


def leave(lab: Lab) -> None:
    """Write all of it: on the cluster, and in the database as an engine would have."""
    vms = {vm.service_id: vm for vm in Vm.select().where(Vm.vm_status == "ready")}
    for service, vm in vms.items():
        _ran(lab, service, vm)
    for service, config in DRIFTED.items():
        lab.foreign_config(vms[service].vmid or 0, **config)
    with transaction():
        for service in BACKED_UP + OVERDUE:
            _backups(lab, vms[service], overdue=service in OVERDUE)
        for service in SNAPSHOTS:
            _snapshots(lab, vms[service])
        _dns(vms)
        full = Pool.select().where(Pool.vlan == 20).get()
        reserve(full, f"{full.start}-{full.stop}", "routers of clients")
    tokens.create(current_actor("cli"), "billing", Role.OPERATOR, expires="41d")


def _ran(lab: Lab, service: int, vm: Vm) -> None:
    """A running VM has been up since before its record was made; one of four had a break."""
    days = (now_ms() - vm.created_at) / DAY_MS + 1.0
    if vm.remote_status != "running":
        lab.past_runs(vm.vmid or 0, (days, days / 3))
    elif service % 4 == 2 and days > 60:
        lab.past_runs(vm.vmid or 0, (days, 45.0), (31.0, 0.0))
    else:
        lab.past_runs(vm.vmid or 0, (days, 0.0))


def _backups(lab: Lab, vm: Vm, overdue: bool) -> None:
    """Backups every night; the last ones of some failed."""
    due = _last(BACKUP_MINUTE)
    moment = int(due.timestamp() * 1000) + 240_000
    good = moment - 3 * DAY_MS if overdue else moment
    error = NO_SPACE if overdue else ""
    BackupSchedule.create(
        vm=vm, days=EVERY_DAY, minute=BACKUP_MINUTE, since=vm.created_at, good_at=good, error=error
    )
    DailyBackup.create(
        vm=vm, local_date=_date(due), state="failed" if overdue else "done", error=error, at=moment
    )
    ago = (now_ms() - good) / DAY_MS
    for age in (ago + 1, ago):
        lab.past_backup(vm.vmid or 0, "backup", age, 3 * GIB, Mark(instance(), vm.uid).line)


def _snapshots(lab: Lab, vm: Vm) -> None:
    """A snapshot every night, and one that expires within hours."""
    due, mark = _last(SNAPSHOT_MINUTE), now_ms()
    SnapshotSchedule.create(vm=vm, days=EVERY_DAY, minute=SNAPSHOT_MINUTE, since=vm.created_at)
    DailySnapshot.create(vm=vm, local_date=_date(due), state="done", name="nightly", at=mark)
    for name, days, note in (
        ("before-upgrade", 4.8, "before the upgrade to Debian 13"),
        ("nightly", 0.4, "scheduled"),
    ):
        lab.past_snapshot(vm.vmid or 0, name, days, note)
        Snapshot.create(vm=vm, name=name, note=note, at=mark - round(days * DAY_MS))


def _dns(vms: dict[int, Vm]) -> None:
    """Records that wait for a DNS server that does not answer."""
    zone, now = Zone.get(Zone.name == AWAY), now_ms()
    for service in (5501, 5512, 5514):
        DnsRecord.create(
            zone=zone,
            vm=vms[service],
            name=f"shop-{service}.{AWAY}",
            type="A",
            content=str(vms[service].addresses[0].address),
            state="pending",
            attempts=3,
            error=f"the DNS server of {AWAY} does not answer: connection refused",
            updated_at=now - 1_200_000,
            due_at=now + 300_000,
        )


def _last(minute: int) -> datetime:
    """The last time it was so many minutes after midnight."""
    now = local_now()
    due = now.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0)
    return due if due <= now else due - timedelta(days=1)


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
