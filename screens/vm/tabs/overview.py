"""The first tab of a VM: its live state, its addresses, and its overrides of the product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.worker import Worker

from engine.actions import packages
from engine.queries.drift import Fact
from engine.queries.inventory import ServiceView
from engine.queries.live import LiveReader, LiveView
from engine.queries.quota import QuotaView, quota_words
from engine.queries.traffic import MonthView, gib
from engine.queries.vms import VmView
from screens.common.actions import Action
from screens.common.bindings import bindings
from screens.common.text import with_service
from screens.framework.commands import results_of, show_results
from screens.framework.screen import EventBatch, actor
from screens.services import options
from screens.vm.details import VmDetails
from screens.vm.tabs.live_panel import LivePanel, fact
from screens.vm.tabs.poller import Poller
from screens.vm.tabs.tab import Tab
from screens.widgets.bar import share
from screens.widgets.dialogs import PlanDialog, PlanLine
from screens.widgets.sheet import FILL, Line, Sheet

EVERY = 5.0
"""Seconds between two looks."""
_ADDRESSES = 4
"""Addresses that are shown here; the tab of addresses shows them all."""
_NOTE_LINES = 6
_BAR = 30


class OverviewTab(Tab):
    """The most important facts; polled every few seconds while visible."""

    NAME = SCOPE = "overview"
    BINDINGS = bindings("overview")
    VERBS = (
        "vm show --live",
        "vm record",
        "vm reset",
        "vm redeploy",
        "vm reinstall",
        "vm delete-record",
        "vm dns",
        "vm rdns",
    )

    def __init__(self, service_id: int) -> None:
        super().__init__(service_id)
        lookout = LiveReader(service_id)
        self.panel, self._sheet = LivePanel(), Sheet(id="vm-sheet")
        self.looking: Poller[LiveView] = Poller(
            self.panel,
            lookout.look,
            self._see,
            every=EVERY,
            close=lookout.close,
            fail=self.panel.fail,
            tick=self.panel.redraw,
        )

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="vm-page"):
            yield self.panel
            yield self._sheet

    def on_mount(self) -> None:
        self.query_one("#vm-page").focus()
        self.looking.start()

    def on_unmount(self) -> None:
        self.looking.stop()

    def reread(self, batch: EventBatch | None = None) -> None:
        """Only an explicit refresh polls at once; changes of the VM appear at the next poll."""
        if batch is None:
            self.looking.again()

    def show(self, found: VmDetails) -> None:
        super().show(found)
        self.panel.know(found)
        self._sheet.write(
            [
                *_addresses(found.vm),
                *_traffic(found.traffic, found.quota),
                *_options(found.service),
                *_notes(found.notes),
            ]
        )

    def _see(self, view: LiveView) -> None:
        before = self._drift
        self.panel.see(view)
        if before != self._drift:
            self.refresh_bindings()

    # Applying the product again

    @property
    def _drift(self) -> tuple[Fact, ...]:
        return self.panel.good.drift if self.panel.good is not None else ()

    def refusal(self, asked: Action) -> str | None:
        if asked.run != "apply" or self._drift:
            return None
        if self.panel.good is None:
            return "The VM has not been read from the cluster yet. Wait a few seconds."
        return "The VM matches its product; there is nothing to apply."

    def do_apply(self) -> Worker[None]:
        return self.run_worker(self._apply(), group="dialog", exclusive=True)

    async def _apply(self) -> None:
        lines = plan_lines(self._drift)
        name = self.found.vm.name if self.found is not None else ""
        title = f"Apply the product to {with_service(name, self.service_id)} again"
        if await self.app.push_screen_wait(PlanDialog(title, lines, yes="Apply", note=options.INTERRUPTS)):
            answer = await self.in_thread(
                lambda: results_of(self.service_id, lambda each: packages.change_package(actor(), each))
            )
            show_results(self, [answer] if answer is not None else [])


def plan_lines(drift: Sequence[Fact]) -> list[PlanLine]:
    """What applying the product changes, fact by fact."""
    return [PlanLine("~", options.change_words(each.name, each.real, each.package)) for each in drift]


def _title(words: str, note: str) -> Iterator[Line]:
    yield ()
    yield ("─ ", "muted"), (words, "accent"), (f"  {note} ", "muted"), (FILL, "muted")


def _addresses(vm: VmView) -> Iterator[Line]:
    yield from _title("Addresses", "N changes a reverse name")
    for ip in vm.ips[:_ADDRESSES]:
        via = f"  via {ip.gateway}" if ip.gateway else ""
        yield (
            (f"  {ip.address}/{ip.prefix}", ""),
            (via, "muted"),
            (f"   {ip.rdns or 'no reverse name'}", "muted"),
        )
    more = len(vm.ips) - _ADDRESSES
    if more > 0:
        yield ((f"  … and {more} more in the Addresses tab", "muted"),)
    if not vm.ips:
        yield (("  none yet", "muted"),)


def _traffic(found: Sequence[MonthView], quota: QuotaView | None) -> Iterator[Line]:
    """What was counted for billing, and how much of the quota it is; nothing while there is neither."""
    if found or quota is not None:
        yield from _title("Counted traffic", "kvmtui vm stats lists every month")
    if quota is not None:
        drawn = share(quota.used, quota.limit, _BAR, full=quota.state == "exceeded")
        yield ("  Quota     ", ""), (drawn.text, drawn.tone)
        yield ((f"            {quota_words(quota)}", "muted"),)
    for each in found:
        yield ((f"  {each.month}   {gib(each.bytes_in)} in · {gib(each.bytes_out)} out", ""),)


def _options(service: ServiceView) -> Iterator[Line]:
    yield from _title("Options", "O changes them, p changes the product")
    for name, value in service.options.items():
        yield fact(f"  {name}", str(value))
    if not service.options:
        yield (("  no overrides", "muted"),)
    for change in service.pending:
        yield ((f"  ~ {change.field}: {change.old} → {change.new} (pending)", "warn"),)


def _notes(words: str) -> Iterator[Line]:
    yield from _title("Notes", "# writes them")
    lines = words.splitlines()
    yield from (((f"  {line}", ""),) for line in lines[:_NOTE_LINES])
    if len(lines) > _NOTE_LINES:
        yield ((f"  … and {len(lines) - _NOTE_LINES} more lines; # shows them", "muted"),)
    if not lines:
        yield (("  none", "muted"),)
