"""The first tab of a machine: what it is, its addresses and names, and its options beside the product's."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive

from engine.queries.site import ServiceView
from engine.queries.vms import VmView
from screens.text import fit
from screens.vm.known import Known
from screens.vm.tab import Tab
from screens.widgets.toned import Toned

_LABEL = 16


class Sheet(Toned):
    """What the database knows of a machine, as lines."""

    found: reactive[Known | None] = reactive(None, layout=True)

    def render(self) -> Text:
        if self.found is None:
            return Text()
        return Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines(self.found))

    def _lines(self, found: Known) -> Iterator[Text]:
        vm = found.vm
        lock = f" · locked: {vm.remote_lock}" if vm.remote_lock else ""
        yield self._fact(
            "Proxmox", f"{vm.server} · node {vm.node or '—'} · VMID {vm.vmid or '—'} · MAC {vm.mac or '—'}"
        )
        yield self._fact("Runs there", f"{vm.remote_status or 'not seen yet'}{lock}")
        yield from self._addresses(vm)
        yield from self._options(found.service)

    def _title(self, words: str, note: str = "") -> Iterator[Text]:
        yield Text("")
        yield self._cut((f"{words}  ", "accent"), (note, "muted"))

    def _fact(self, name: str, words: str, tone: str = "") -> Text:
        return self._cut((fit(name, _LABEL), "muted"), (words or "—", tone))

    def _cut(self, *pieces: tuple[str, str]) -> Text:
        line = self.toned(*pieces)
        line.truncate(max(40, (self.size.width or self.app.size.width) - 3), overflow="ellipsis")
        return line

    def _addresses(self, vm: VmView) -> Iterator[Text]:
        yield from self._title("Addresses", "N changes a reverse name")
        for ip in vm.ips:
            via = f"  via {ip.gateway}" if ip.gateway else ""
            yield self._cut(
                (f"  {ip.address}/{ip.prefix}", ""),
                (via, "muted"),
                (f"   {ip.rdns or 'no reverse name'}", "muted"),
            )
        if not vm.ips:
            yield self.toned(("  none yet", "muted"))

    def _options(self, service: ServiceView) -> Iterator[Text]:
        yield from self._title("Options", "p changes the package")
        for name, value in service.options.items():
            yield self._fact(f"  {name}", str(value))
        if not service.options:
            yield self.toned(("  as the product has them", "muted"))
        for change in service.pending:
            yield self.toned((f"  ~ {change.field}: {change.old} → {change.new} (pending)", "warn"))


class OverviewTab(Tab):
    """What one wants to know first."""

    NAME = "overview"
    VERBS = (
        "vm show",
        "vm record",
        "vm reset",
        "vm redeploy",
        "vm reinstall",
        "vm delete-record",
        "vm dns",
        "vm rdns",
    )

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="vm-page"):
            yield Sheet()

    def on_mount(self) -> None:
        self.query_one("#vm-page").focus()

    def show(self, found: Known) -> None:
        super().show(found)
        self.query_one(Sheet).found = found
