"""The ISO images a VM may mount, by group; one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.worker import Worker

from engine.actions import maintenance
from engine.queries.allowance import Allowance
from engine.queries.maintenance import IsoView, iso_images
from screens.common.actions import Action
from screens.common.bindings import action, bindings, refused
from screens.common.text import with_service
from screens.framework.screen import actor
from screens.vm.tabs.backups import short, size
from screens.vm.tabs.cluster_tab import ClusterReading, ClusterTab
from screens.vm.tabs.status_lines import Said
from screens.widgets.confirm import ConfirmVms
from screens.widgets.rows import Cell, Column, TableRow


class IsoTab(ClusterTab):
    """The images on the plan's ISO storage; enter mounts the one under the cursor."""

    NAME = SCOPE = "iso"
    BINDINGS = bindings("iso")
    VERBS = ("vm iso list", "vm iso mount", "vm iso eject")
    NOUN, ONE = "ISO images", "ISO image"
    EMPTY = "There is no ISO image on that storage.\nUpload one in Proxmox; ctrl+r reads the list again."
    LINES = 1
    PIPELINES: ClassVar[tuple[str, ...]] = ("MountIso", "EjectIso")
    COLUMNS = (
        Column("group", "Group", 12, 1),
        Column("image", "Image", 30, 1, grow=True),
        Column("size", "Size", 10, 2, right=True),
        Column("mounted", "", 9, 1),
    )

    def items(self) -> Sequence[IsoView]:
        return iso_images(self.service_id)

    def key(self, item: IsoView) -> str:
        return item.iso

    def lacking(self, allowed: Allowance) -> str:
        if allowed.iso_storage:
            return ""
        return f"{allowed.product} names no ISO storage; set iso_storage in the product."

    def about(self, reading: ClusterReading) -> Iterator[Said]:
        now = self.mounted
        yield (
            (f"In the drive: {short(now.iso)} · M ejects it", "ok")
            if now
            else ("The drive is empty.", "muted")
        )
        yield (
            f"Images on {reading.allowed.iso_storage}, grouped by the part before the first hyphen.",
            "muted",
        )

    def row(self, item: IsoView, reading: ClusterReading) -> TableRow:
        heads = {each.group: each.iso for each in reversed(reading.items)}
        return TableRow(
            item.iso,
            (
                Cell(item.group, "accent" if heads[item.group] == item.iso else "muted"),
                Cell(short(item.iso), "ok" if item.mounted else ""),
                Cell(size(item.size), "muted"),
                Cell("[mounted]" if item.mounted else "", "ok"),
            ),
        )

    @property
    def mounted(self) -> IsoView | None:
        """The image that is in the drive."""
        there = self.reading.items if self.reading is not None else ()
        return next((each for each in there if each.mounted), None)

    def refusal(self, asked: Action) -> str | None:
        if (
            asked.run == "eject"
            and self.reading is not None
            and not self.reading.lacking
            and not self.mounted
        ):
            return "No ISO image of this storage is in the drive."
        return super().refusal(asked)

    def opened(self, item: IsoView) -> None:
        why = refused(self, action("iso.mount"))
        if why is None:
            self.do_mount()
        else:
            self.warn(why)

    def do_mount(self) -> Worker[None]:
        return self.asking(self._mount())

    async def _mount(self) -> None:
        item = self.one()
        if item is None:
            return
        now = self.mounted
        if item.mounted:
            self.warn(f"{short(item.iso)} is in the drive already; M ejects it.")
            return
        words = f"It replaces {short(now.iso)}." if now is not None else "The drive is empty now."
        if not await self._sure(f"Mount {short(item.iso)} in", "mount", words):
            return
        await self.ask_for(lambda: maintenance.mount_iso(actor(), self.service_id, item.iso))

    def do_eject(self) -> Worker[None]:
        return self.asking(self._eject(self.mounted))

    async def _eject(self, item: IsoView | None) -> None:
        what = short(item.iso) if item is not None else "the ISO image"
        if await self._sure(f"Eject {what} from", "eject", "The drive is empty afterwards."):
            await self.ask_for(lambda: maintenance.eject_iso(actor(), self.service_id))

    async def _sure(self, what: str, verb: str, consequence: str) -> bool:
        name = await self.vm_name()
        if name is None:
            return False
        question = f"{what} {with_service(name, self.service_id)}?"
        asked = ConfirmVms(question, verb=verb, consequences=(consequence,))
        return await self.app.push_screen_wait(asked) is not None
