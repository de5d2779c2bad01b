"""Backups of terminated VMs that could not be deleted then: tried again until they are gone.

They go with the tick of scheduleBackup, which manages the content of backup storages. What is deleted carries
this VM's mark, or is the very file the termination saw, from the time the VM was ours. A VM that came
back to life keeps its backups.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.pipelines.steps import facts
from engine.proxmox.cluster import Cluster
from engine.proxmox.mark import Mark, bears_mark, find_mark
from engine.proxmox.values import Backup
from engine.redact import redact
from engine.store.database import in_transaction, session
from engine.store.models import LeftBackup, Server, Vm
from engine.work import events, servers
from engine.work.housekeeping import HousekeepingJournal
from engine.work.task import TaskReport, TaskResources

ACTION = "delete_left_backup"
SKEW_MS = 60_000
_AT_ONCE = 20
_SOON_MS = 4 * 60_000  # a requested deletion is checked again at the next tick
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_GOING = ("terminate", "error_terminate")  # its own termination is still at it


@dataclass(frozen=True, slots=True)
class BackupOnNode:
    """A backup under the VM's number, and a node that can delete it."""

    node: str
    backup: Backup


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a look at the storage showed; `away` says why it could not be seen whole."""

    found: tuple[BackupOnNode, ...]
    away: str = ""


def retry(resources: TaskResources, report: TaskReport) -> None:
    """Try every left backup that is due once."""
    with session():
        for row in _due():
            if not resources.keep_going():
                return
            report.add(row.service, ACTION, _try(resources, row))


def _due() -> list[LeftBackup]:
    going = Vm.select(Vm.uid).where(Vm.vm_status.in_(_GOING))
    query = LeftBackup.select(LeftBackup, Server).join(Server).where(LeftBackup.due_at <= now_ms())
    return list(query.where(LeftBackup.vm_uid.not_in(going)).order_by(LeftBackup.due_at).limit(_AT_ONCE))


def _try(resources: TaskResources, row: LeftBackup) -> str:
    if Vm.select().where(Vm.uid == row.vm_uid, Vm.vm_status != "remove").exists():
        return _forget(row, "was kept: its VM exists again", "skip")
    if why := servers.why_not(row.server):
        return _later(row, why)
    try:
        with resources.servers.recording(HousekeepingJournal(row.server_id, ACTION)):
            return _check(resources.servers.cluster(row.server), row)
    except KvmtuiError as error:
        return _later(row, error.sentence)


def _check(cluster: Cluster, row: LeftBackup) -> str:
    """Delete what is ours there, or say why it still lies there, or forget what is gone."""
    mark, outlook = _mark(row), _outlook(cluster, row)
    ours = [one for one in outlook.found if is_ours(row, one.backup, mark)]
    deletable = [one for one in ours if not one.backup.protected]
    for one in deletable:
        cluster.delete_backup(one.node, row.storage, one.backup.volid, row.vmid, mark)
    if deletable:
        _set(row, due_at=now_ms() + _SOON_MS, tries=row.tries + 1)
        return "waiting"
    if ours:
        return _later(row, f"{ours[0].backup.volid} is protected", _DAY_MS)
    if outlook.away:
        return _later(row, outlook.away)
    if unsure := [one for one in outlook.found if not bears_mark(one.backup.notes) and not row.volid]:
        return _later(row, f"{unsure[0].backup.volid} carries no mark of ours; delete it by hand", _DAY_MS)
    return _forget(row, "is gone", "success")


def is_ours(row: LeftBackup, backup: Backup, mark: Mark) -> bool:
    """Whether a backup is provably of the VM that is gone."""
    if bears_mark(backup.notes):
        return find_mark(backup.notes) == mark
    seen = row.vm_created_at - SKEW_MS <= (backup.created_ms or 0) <= row.since
    return seen and backup.volid == row.volid


def _outlook(cluster: Cluster, row: LeftBackup) -> Outlook:
    """The backups under the number on every node that has the storage; a local one is another on each node."""
    found: list[BackupOnNode] = []
    away, known = "", False
    for node in facts.nodes(cluster):
        if not node.online:
            away = away or f"node {node.name} is away"
            continue
        for storage in facts.storages(cluster, node.name):
            if storage.name != row.storage:
                continue
            known = True
            if not (storage.enabled and storage.active):
                away = f"storage {row.storage} is away on node {node.name}"
                continue
            found += _meant(row, node.name, cluster.backups(node.name, row.storage, row.vmid))
            if storage.shared:
                return Outlook(tuple(found))
    return Outlook(tuple(found), away or ("" if known else f"the cluster has no storage {row.storage} now"))


def _meant(row: LeftBackup, node: str, there: Iterable[Backup]) -> Iterator[BackupOnNode]:
    return (BackupOnNode(node, one) for one in there if row.volid in ("", one.volid))


def _mark(row: LeftBackup) -> Mark:
    from engine.running import instance  # it puts engines together, this task among them

    return Mark(instance(), row.vm_uid)


def _later(row: LeftBackup, why: str, pause: int | None = None) -> str:
    """Try again later: after an hour, two, four, at the latest after a day."""
    wait = pause if pause is not None else min(_DAY_MS, _HOUR_MS << min(row.tries, 5))
    _set(row, why=redact(why), tries=row.tries + 1, due_at=now_ms() + wait)
    return f"left on {row.storage}: {why}"


def _set(row: LeftBackup, **changes: object) -> None:
    in_transaction(lambda: LeftBackup.update(changes).where(LeftBackup.id == row.id).execute())


def _forget(row: LeftBackup, what: str, result: str) -> str:
    said = f"left backup {row.volid or row.storage} of service {row.service} {what}"

    def work() -> None:
        if LeftBackup.delete().where(LeftBackup.id == row.id).execute():
            events.publish("vm", said, level="success", service=row.service)

    in_transaction(work)
    return result
