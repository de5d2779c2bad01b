"""What a tab of a VM's page is, and the table of tabs.

    class SnapshotsTab(ListTab):
        NAME = SCOPE = "snapshots"
        BINDINGS = bindings("snapshots")
        def table(self) -> Table: ...
        def source(self) -> RowSource: ...

A tab is mounted when it is opened and removed when it is left. `show` hands it the newest reading of the VM,
at once after mounting and again whenever something happened to it; what a tab needs besides it reads itself, beside
the keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

from screens.framework.list_screen import ListScreen
from screens.framework.screen import BaseScreen, EventBatch
from screens.vm.details import VmDetails


@dataclass(frozen=True, slots=True)
class TabLine:
    """A tab in the row of tabs: its name, what is written, and where it is."""

    name: str
    label: str
    where: str


TABS: tuple[TabLine, ...] = (
    TabLine("overview", "Overview", "screens.vm.tabs.overview:OverviewTab"),
    TabLine("addresses", "Addresses", "screens.vm.tabs.addresses:AddressesTab"),
    TabLine("steps", "Commands", "screens.vm.tabs.commands:StepsTab"),
    TabLine("snapshots", "Snapshots", "screens.vm.tabs.snapshots:SnapshotsTab"),
    TabLine("backups", "Backups", "screens.vm.tabs.backups:BackupsTab"),
    TabLine("iso", "ISO", "screens.vm.tabs.iso:IsoTab"),
    TabLine("charts", "Charts", "screens.vm.tabs.charts:ChartsTab"),
    TabLine("history", "History", "screens.vm.tabs.history:HistoryTab"),
    TabLine("runs", "Log", "screens.vm.tabs.log:RunsTab"),
)


class Tab(BaseScreen):
    """A tab of a VM's page."""

    VERBS: ClassVar[tuple[str, ...]] = ("vm show",)
    """The verbs of the command line that do the same."""

    def __init__(self, service_id: int) -> None:
        super().__init__(id=f"tab-{self.NAME}")
        self.service_id = service_id
        self.found: VmDetails | None = None

    def show(self, found: VmDetails) -> None:
        """Takes up the newest reading of the VM."""
        self.found = found

    def commands(self) -> list[str]:
        """The command lines that do the same as this tab."""
        return [f"kvmtui {verb} {self.service_id}" for verb in self.VERBS]


class ListTab(ListScreen):
    """A tab that is one list; its view and cursor are remembered for every VM alike."""

    VERBS: ClassVar[tuple[str, ...]] = ("vm show",)
    """The verbs of the command line that do the same."""

    def __init__(self, service_id: int) -> None:
        self.service_id = service_id
        self.found: VmDetails | None = None
        super().__init__()

    def show(self, found: VmDetails) -> None:
        """Takes up the newest reading of the VM."""
        self.found = found

    def commands(self) -> list[str]:
        return [f"kvmtui {verb} {self.service_id}" for verb in self.VERBS]

    def reread(self, batch: EventBatch | None = None) -> None:
        if batch is None or self.service_id in batch.services:
            self.list.reload()


def make(line: TabLine, service_id: int) -> Tab | ListTab:
    """A fresh widget for a tab; its module is imported when it is first opened."""
    module, _, kind = line.where.partition(":")
    made: Tab | ListTab = getattr(import_module(module), kind)(service_id)
    return made
