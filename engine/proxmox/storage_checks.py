"""Checks of storages: are they there, do they take what is put there, and can the disks on them be snapshotted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .check import CheckResult, ServerCheck, SnapshotNeeds
from .codecs import Drive
from .disk_formats import can_snapshot, file_format
from .guest_values import GuestLocation
from .values import Storage

Seen = Mapping[str, tuple[Storage, ...]]


def storage_check(name: str, content: str, seen: Seen, login: str) -> ServerCheck:
    """Whether the nodes that are online have a storage, and whether it takes this content."""
    there = {node: storage for node, all_ in seen.items() for storage in all_ if storage.name == name}
    if not there:
        fix = f"Check its name, and that {login} has Datastore.Audit on /storage/{name}."
        return ServerCheck(
            f"storage {name}", CheckResult.FAIL, f"No node that is online shows a storage {name}.", fix
        )
    if not all(content in storage.content for storage in there.values()):
        fix = f"Add it under Datacenter → Storage → {name} → Content."
        return ServerCheck(
            f"storage {name}", CheckResult.FAIL, f"Storage {name} does not take {content}.", fix
        )
    down = [node for node, storage in there.items() if not storage.usable]
    missing = [node for node in seen if node not in there] + down
    fix = "Check the storage's nodes and that it is active there."
    return everywhere(f"storage {name}", missing, len(seen), fix)


def everywhere(name: str, missing: list[str], total: int, fix: str) -> ServerCheck:
    """OK on every node, a warning on some, a failure on none."""
    if not missing:
        return ServerCheck(
            name, CheckResult.OK, f"{name.capitalize()} is there on every node that is online."
        )
    result = CheckResult.WARN if len(missing) < total else CheckResult.FAIL
    return ServerCheck(name, result, f"{name.capitalize()} cannot be used on {', '.join(missing)}.", fix)


def snapshot_checks(
    needs: Iterable[SnapshotNeeds], templates: Mapping[str, GuestLocation], seen: Seen
) -> Iterator[ServerCheck]:
    """Which products offer snapshots although a disk of theirs cannot have any."""
    storages = {one.name: one for all_ in seen.values() for one in all_}
    for need in needs:
        name = f"snapshots {need.product}"
        obstacles = list(_obstacles(need, templates.get(need.template), storages))
        for what, why, fix in obstacles:
            sentence = f"VMs of product {need.product} cannot be snapshotted because of their {what}: {why}."
            yield ServerCheck(name, CheckResult.WARN, sentence, fix)
        if not obstacles:
            yield ServerCheck(name, CheckResult.OK, f"VMs of product {need.product} can be snapshotted.")


def _obstacles(
    need: SnapshotNeeds, template: GuestLocation | None, storages: Mapping[str, Storage]
) -> Iterator[tuple[str, str, str]]:
    key = template.config.system_disk if template else None
    drive = template.config.drives[key] if template and key else None
    home = drive.storage or "" if drive else ""
    system = home if need.linked else need.system_storage or home
    if system in storages:
        yield from _obstacle("system disk", storages[system], drive if need.linked else None)
    extra = None if need.additional_storage is None else need.additional_storage or system
    if extra is not None and extra in storages:
        yield from _obstacle("additional disk", storages[extra], None)


def _obstacle(what: str, storage: Storage, drive: Drive | None) -> Iterator[tuple[str, str, str]]:
    if can_snapshot(storage.type, drive):
        return
    if drive is not None and file_format(drive):
        fix = "Convert the template's disk to qcow2."
        yield what, f"it is a linked clone of a {file_format(drive)} file", fix
        return
    fix = "Use lvmthin, zfspool, rbd or a file storage, or offer no snapshots."
    yield what, f"storage {storage.name} ({storage.type}) cannot take any", fix


def chain_checks(names: Iterable[str], chained: frozenset[str]) -> Iterator[ServerCheck]:
    """Which of the storages in use keep snapshots as a chain of volumes."""
    for name in dict.fromkeys(names):
        if name in chained:
            sentence = (
                f"Storage {name} has snapshot-as-volume-chain on, a technology preview of Proxmox VE 9: "
                "each snapshot is a volume of its own, and only the newest can be rolled back to."
            )
            fix = "Use lvmthin, zfspool, rbd or qcow2 without the chain where customers have snapshots."
            yield ServerCheck(f"volume chain {name}", CheckResult.WARN, sentence, fix)
