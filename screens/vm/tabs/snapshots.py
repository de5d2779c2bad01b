"""The snapshots of a VM: taken now or by schedule, deleted, and rolled back to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import ClassVar

from textual.worker import Worker

from engine.actions import maintenance
from engine.clock import stamp
from engine.counting import counted
from engine.queries.allowance import Allowance
from engine.queries.maintenance import ScheduleView, SnapshotView, snapshot_schedule, snapshots
from screens.common.actions import Action
from screens.common.bindings import bindings
from screens.common.times import age, ago, at
from screens.framework.screen import actor
from screens.vm.tabs.cluster_tab import ClusterReading, ClusterTab
from screens.vm.tabs.forms import SnapshotForm, sentence_of
from screens.vm.tabs.status_lines import Said
from screens.widgets.form import FormDialog, FormWidget
from screens.widgets.rows import Cell, Column, TableRow

_DAY_MS = 86_400_000


class SnapshotsTab(ClusterTab):
    """The snapshots on the cluster, ours and others', oldest first."""

    NAME = SCOPE = "snapshots"
    BINDINGS = bindings("snapshots")
    VERBS = (
        "vm snapshot list",
        "vm snapshot create",
        "vm snapshot delete",
        "vm snapshot rollback",
        "vm snapshot schedule",
    )
    NOUN, ONE = "snapshots", "snapshot"
    EMPTY = "No snapshot yet.\nPress + to take one, w to set the days on which one is taken."
    PIPELINES: ClassVar[tuple[str, ...]] = ("Snapshot", "DeleteSnapshot", "Rollback", "RemoveOldSnapshots")
    COLUMNS = (
        Column("name", "Snapshot", 26, 1, grow=True),
        Column("created", "Taken (UTC)", 19, 1),
        Column("whose", "Origin", 26, 2),
    )

    def items(self) -> Sequence[SnapshotView]:
        return snapshots(self.service_id)

    def key(self, item: SnapshotView) -> str:
        return item.name

    def lacking(self, allowed: Allowance) -> str:
        """Snapshots of others are shown even where the plan allows none."""
        return ""

    def schedule(self) -> ScheduleView | None:
        return snapshot_schedule(self.service_id)

    def about(self, reading: ClusterReading) -> Iterator[Said]:
        allowed, used = reading.allowed, len(reading.items)
        if allowed.snapshots <= 0:
            yield _none_allowed(allowed), "warn"
        else:
            kept = (
                f"ours are removed after {_days(allowed)}"
                if allowed.snapshot_lifetime
                else "kept until deleted"
            )
            tone = "warn" if used >= allowed.snapshots else "muted"
            yield f"{used} of {allowed.snapshots} used · {kept} · a rollback discards later changes", tone
        if allowed.snapshots > 0 or reading.schedule:
            yield sentence_of("snapshot", reading.schedule), "muted"

    def row(self, item: SnapshotView, reading: ClusterReading) -> TableRow:
        return TableRow(
            item.name,
            (
                Cell(item.name, below=item.note),
                Cell(at(item.created), "muted", ago(item.created) if item.created else ""),
                Cell("ours" if item.ours else "others'", "" if item.ours else "muted", _until(item, reading)),
            ),
        )

    def story(self, item: SnapshotView) -> str:
        until = _until(item, self.reading) if self.reading else ""
        return "\n".join(
            (
                f"Taken   {at(item.created)} UTC, {ago(item.created)}",
                f"Origin  {'ours' if item.ours else 'made by others in Proxmox'}{f', {until}' if until else ''}",
                f"Note    {item.note or '—'}",
            )
        )

    # Requests

    def refusal(self, asked: Action) -> str | None:
        allowed = self.reading.allowed if self.reading else None
        if allowed is not None and allowed.snapshots <= 0 and asked.run in ("new", "schedule"):
            return _none_allowed(allowed)
        if allowed is not None and asked.run == "new" and self.list.source is not None:
            return self._full(allowed) or super().refusal(asked)
        return super().refusal(asked)

    def _full(self, allowed: Allowance) -> str | None:
        used = len(self.reading.items) if self.reading else 0
        if used < allowed.snapshots:
            return None
        return f"The plan allows {allowed.snapshots} and {used} are there; X deletes one, ctrl+r reads them again."

    def do_new(self) -> Worker[None]:
        return self.asking(self._new())

    async def _new(self) -> None:
        answers = await self.app.push_screen_wait(FormDialog("Take a snapshot", FormWidget(SnapshotForm)))
        if answers is not None:
            name, note = str(answers.get("name") or ""), str(answers.get("note") or "")
            await self.ask_for(lambda: maintenance.create_snapshot(actor(), self.service_id, name, note))

    def do_delete(self) -> Worker[None]:
        return self.asking(self._delete())

    async def _delete(self) -> None:
        chosen = self.chosen
        if not chosen:
            self.one()
            return
        what = f"snapshot {chosen[0].name}" if len(chosen) == 1 else f"{len(chosen)} snapshots"
        said = "\n".join(f"- {each.name}, {ago(each.created)}{_by_others(each)}" for each in chosen)
        if await self.sure(f"Delete {what}?", f"{said}\nThe VM itself is not changed.", "Delete"):
            names = [each.name for each in chosen]
            await self.ask_each(names, partial(maintenance.delete_snapshot, actor(), self.service_id))

    def do_back(self) -> Worker[None]:
        return self.asking(self._back())

    async def _back(self) -> None:
        item = self.one()
        name = await self.vm_name() if item is not None else None
        if item is None or name is None:
            return
        consequences = (
            f"The disks and the config become what they were at {at(item.created)} UTC.",
            f"Everything written in the {age(item.created)} since then is lost.",
            "A VM that runs is stopped for it, and started again.",
            "Younger snapshots stay; a storage on ZFS refuses to go back past one.",
        )
        if await self.typed(f"Roll {name} back to {item.name}?", name, consequences):
            await self.ask_for(lambda: maintenance.roll_back(actor(), self.service_id, item.name))

    def do_schedule(self) -> Worker[None]:
        return self.asking(
            self.ask_days("snapshot", partial(maintenance.schedule_snapshots, actor(), self.service_id))
        )


def _none_allowed(allowed: Allowance) -> str:
    return f"{allowed.product} allows no snapshots; set snapshots in the product."


def _days(allowed: Allowance) -> str:
    return counted(allowed.snapshot_lifetime, "days")


def _until(item: SnapshotView, reading: ClusterReading) -> str:
    """When ours go by themselves; those of others and those without an end stay."""
    days = reading.allowed.snapshot_lifetime
    if not item.ours or not days or item.created is None:
        return ""
    return f"removed {stamp(item.created + days * _DAY_MS)[:16]}"


def _by_others(item: SnapshotView) -> str:
    return "" if item.ours else ", made by others in Proxmox"
