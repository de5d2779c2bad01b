"""A VM's snapshots, backups and ISO images, asked of the cluster now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine.actions.packages import applied
from engine.actions.requests import label, subject, vm_of
from engine.clock import Moment
from engine.errors import Refused
from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import not_ours
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.guest_view import GuestView
from engine.proxmox.mark import Mark, find_mark
from engine.store.database import session
from engine.store.models import BackupSchedule, Setting, Snapshot, SnapshotSchedule, Vm
from engine.work.servers import Servers

OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class SnapshotView:
    """A snapshot of a VM; `ours` ones are removed when their time is over."""

    name: str
    created: Moment | None
    note: str
    ours: bool


@dataclass(frozen=True, slots=True)
class BackupView:
    """A backup of a VM; only ours are ever deleted by us."""

    backup: str
    created: Moment | None
    size: int
    note: str
    protected: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class IsoView:
    """An ISO image, grouped by what stands before the first dash of its name."""

    iso: str
    group: str
    size: int
    mounted: bool
    pending: bool = False
    """It is in the drive after the VM's next start, and not before."""


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """On which days something is made of a VM by itself, and when, where the operator is."""

    days: list[str]
    at: str


@contextmanager
def _open(vm: Vm) -> Iterator[Cluster]:
    servers = Servers()
    try:
        yield servers.cluster(vm.server)
    finally:
        servers.close()


def _made(service_id: int) -> Vm:
    vm = vm_of(service_id)
    if vm.vm_status == "remove":
        raise Refused(f"{subject(vm)} is removed; only its record is left.")
    if vm.vmid is None or not vm.node:
        raise Refused(f"{subject(vm)} is not on Proxmox yet.")
    return vm


def snapshots(service_id: int) -> list[SnapshotView]:
    """The snapshots of a VM, oldest first."""
    with session():
        vm = _made(service_id)
        known = {name for (name,) in Snapshot.select(Snapshot.name).where(Snapshot.vm == vm.id).tuples()}
        instance = Setting.get(Setting.key == "instance")
        assert vm.vmid is not None
        with _open(vm) as cluster:
            view = GuestView(cluster, vm.vmid, vm.node)
            _refuse_strangers(view.config(), vm, Mark(instance.value, vm.uid))
            live = view.snapshots()
    return [
        SnapshotView(one.name, one.created_ms or None, one.description, one.name in known) for one in live
    ]


def _refuse_strangers(config: GuestConfig, vm: Vm, mark: Mark) -> None:
    """NotOurs for another guest under the VM's VMID; ours may have lost its mark, not its SMBIOS uuid as well."""
    if config.mark != mark and not (vm.smbios_uuid and config.smbios_uuid == vm.smbios_uuid.lower()):
        raise not_ours(vm.vmid or 0, mark, config.mark, config.name)


def backups(service_id: int) -> list[BackupView]:
    """The backups of a VM on its plan's storage, newest first."""
    with session():
        vm = _made(service_id)
        storage = applied(vm).backup_storage
        if not storage:
            raise Refused(f"The product of {label(vm)} names no backup storage.")
        instance = Setting.get_or_none(Setting.key == "instance")
        mark = Mark(instance.value, vm.uid) if instance else None
        with _open(vm) as cluster:
            found = cluster.backups(vm.node, storage, vm.vmid)
    rows = [
        BackupView(
            one.volid, one.created_ms, one.size, one.notes, one.protected, find_mark(one.notes) == mark
        )
        for one in found
        if (one.created_ms or 0) >= vm.created_at - 60_000 and find_mark(one.notes) in (None, mark)
    ]
    return sorted(rows, key=lambda row: -(row.created or 0))


def schedule(service_id: int) -> ScheduleView | None:
    """When a VM is backed up by itself; None when it is not."""
    return _schedule(BackupSchedule, service_id)


def snapshot_schedule(service_id: int) -> ScheduleView | None:
    """When a snapshot of a VM is taken by itself; None when none is."""
    return _schedule(SnapshotSchedule, service_id)


def _schedule(table: type[BackupSchedule] | type[SnapshotSchedule], service_id: int) -> ScheduleView | None:
    with session():
        row = table.get_or_none(table.vm == vm_of(service_id).id)
    return ScheduleView(list(row.days), f"{row.minute // 60:02d}:{row.minute % 60:02d}") if row else None


def iso_images(service_id: int) -> list[IsoView]:
    """The ISO images a VM may mount, by group and name."""
    with session():
        vm = _made(service_id)
        storage = applied(vm).iso_storage
        if not storage:
            raise Refused(f"The product of {label(vm)} names no ISO storage; set iso_storage in its product.")
        assert vm.vmid is not None
        with _open(vm) as cluster:
            found = cluster.iso_images(vm.node, storage)
            now, planned = GuestView(cluster, vm.vmid, vm.node).configs()
    held, coming = _volumes(now), _volumes(planned)
    rows = [
        IsoView(
            one.volid,
            _group(one.volid),
            one.size,
            one.volid in held,
            one.volid in coming and one.volid not in held,
        )
        for one in found
    ]
    return sorted(rows, key=lambda row: (row.group == OTHER, row.group, row.iso))


def _volumes(config: GuestConfig) -> set[str]:
    return {drive.volume for drive in config.drives.values()}


def _group(volid: str) -> str:
    name = volid.rsplit("/", 1)[-1]
    head, dash, _ = name.partition("-")
    return head if dash and head else OTHER
