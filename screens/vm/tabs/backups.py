"""The backups of a VM: made now or by schedule, restored, and deleted if they are ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from textual.worker import Worker

from engine.actions import maintenance
from engine.actions.requests import Queued
from engine.errors import Refused
from engine.queries.allowance import Allowance
from engine.queries.maintenance import BackupView, ScheduleView, backups, schedule
from engine.queries.overdue_backups import overdue_backup_of
from screens.common.bindings import bindings
from screens.common.times import age, ago, at
from screens.framework.screen import actor
from screens.vm.tabs.cluster_tab import ClusterReading, ClusterTab
from screens.vm.tabs.forms import sentence_of
from screens.vm.tabs.status_lines import Said
from screens.widgets.rows import Cell, Column, TableRow

_MARK = "kvmtui instance="


class BackupsTab(ClusterTab):
    """The backups on the plan's storage, newest first; those of others are shown and left alone."""

    NAME = SCOPE = "backups"
    BINDINGS = bindings("backups")
    VERBS = ("vm backup list", "vm backup create", "vm backup schedule", "vm backup delete", "vm restore")
    NOUN, ONE = "backups", "backup"
    EMPTY = "No backup yet.\nPress + to make one now, w to set the days on which one is made."
    PIPELINES: ClassVar[tuple[str, ...]] = ("Backup", "DeleteBackup", "Restore")
    COLUMNS = (
        Column("created", "Made (UTC)", 19, 1),
        Column("size", "Size", 10, 1, right=True),
        Column("whose", "Origin", 9, 1),
        Column("backup", "Backup", 32, 2, grow=True),
    )

    def items(self) -> Sequence[BackupView]:
        return backups(self.service_id)

    def key(self, item: BackupView) -> str:
        return item.backup

    def lacking(self, allowed: Allowance) -> str:
        if allowed.backups > 0 and allowed.backup_storage:
            return ""
        field, what = (
            ("backups", "allows no backups")
            if allowed.backup_storage
            else ("backup_storage", "names no backup storage")
        )
        return f"{allowed.product} {what}; set {field} in the product."

    def schedule(self) -> ScheduleView | None:
        return schedule(self.service_id)

    def warning(self) -> str:
        overdue = overdue_backup_of(self.service_id)
        return f"A backup has been due since {at(overdue.since)} UTC: {overdue.reason}" if overdue else ""

    def about(self, reading: ClusterReading) -> Iterator[Said]:
        allowed = reading.allowed
        ours = sum(each.ours and not each.protected for each in reading.items)
        others = sum(not each.ours for each in reading.items)
        room = "the oldest of ours makes room for a new one" if ours >= allowed.backups else ""
        theirs = f"{others} of others, never deleted here" if others else ""
        facts = [f"{ours} of {allowed.backups} used on {allowed.backup_storage}", room, theirs]
        yield " · ".join(each for each in facts if each), "muted"
        yield sentence_of("backup", reading.schedule), "muted"

    def row(self, item: BackupView, reading: ClusterReading) -> TableRow:
        return TableRow(
            item.backup,
            (
                Cell(at(item.created), "", ago(item.created) if item.created else ""),
                Cell(size(item.size), "muted"),
                Cell(
                    "ours" if item.ours else "others'",
                    "" if item.ours else "muted",
                    "protected" if item.protected else "",
                ),
                Cell(short(item.backup), below=_note(item)),
            ),
        )

    def story(self, item: BackupView) -> str:
        return "\n".join(
            (
                f"Made       {at(item.created)} UTC, {ago(item.created)}",
                f"Size       {size(item.size)}",
                f"Origin     {'ours' if item.ours else 'made by others in Proxmox; never deleted here'}",
                f"Protected  {'yes; Proxmox refuses to delete it' if item.protected else 'no'}",
                f"Note       {item.note or '—'}",
            )
        )

    # Requests

    def do_new(self) -> Worker[None]:
        return self.asking(self.ask_for(lambda: maintenance.create_backup(actor(), self.service_id)))

    def do_delete(self) -> Worker[None]:
        return self.asking(self._delete())

    async def _delete(self) -> None:
        chosen = self.chosen
        if not chosen:
            self.one()
            return
        if len(chosen) == 1 and (why := kept(chosen[0])):
            self.warn(why)
            return
        what = f"the backup of {at(chosen[0].created)} UTC" if len(chosen) == 1 else f"{len(chosen)} backups"
        said = "\n".join(
            f"- {short(each.backup)}, {ago(each.created)}{' (is left)' if kept(each) else ''}"
            for each in chosen
        )
        if await self.sure(f"Delete {what}?", f"{said}\nIt cannot be brought back.", "Delete"):
            by_name = {each.backup: each for each in chosen}
            await self.ask_each(list(by_name), lambda name: self._deleted(by_name[name]))

    def _deleted(self, item: BackupView) -> Queued:
        if why := kept(item):
            raise Refused(why)
        return maintenance.delete_backup(actor(), self.service_id, item.backup)

    def do_back(self) -> Worker[None]:
        return self.asking(self._back())

    async def _back(self) -> None:
        item = self.one()
        name = await self.vm_name() if item is not None else None
        if item is None or name is None:
            return
        consequences = (
            "The VM is shut down, and the backup overwrites its disks.",
            f"Everything written in the {age(item.created)} since {at(item.created)} UTC is lost.",
            "Its snapshots are lost too.",
            "Then the product is applied again, the VM is started, and the client gets a mail.",
            "Until that has ended, nothing else can be asked of this VM.",
        )
        if await self.typed(f"Restore {name} from this backup?", name, consequences):
            await self.ask_for(lambda: maintenance.restore(actor(), self.service_id, item.backup))

    def do_schedule(self) -> Worker[None]:
        return self.asking(self.ask_days("backup", partial(maintenance.schedule, actor(), self.service_id)))


def kept(item: BackupView) -> str:
    """Why a backup is not deleted from here; empty when it may be."""
    if not item.ours:
        return "This backup was made by others in Proxmox; delete it there."
    if item.protected:
        return "This backup is protected. Remove the protection in Proxmox first."
    return ""


def short(backup: str) -> str:
    """The name of a backup's file, without its storage."""
    return backup.rsplit("/", 1)[-1].partition(":")[2] or backup.rsplit("/", 1)[-1]


def size(number: int) -> str:
    """Bytes as people read them."""
    for unit, power in (("GiB", 30), ("MiB", 20)):
        if number >= 1 << power:
            return f"{number / (1 << power):.2f} {unit}"
    return f"{number / 1024:.0f} KiB"


def _note(item: BackupView) -> str:
    """The note without our mark, which says nothing to a reader."""
    return " ".join(line for line in item.note.splitlines() if not line.startswith(_MARK))
