"""One machine: where it stands, its addresses and names, its options, what can be done, and its last runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.reactive import reactive

from engine.pipelines.legend import COMMANDS, check
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import RunView, runs
from engine.queries.site import ServiceView, services
from engine.queries.vms import VmView, vms
from screens.habits import bindings
from screens.moments import age, at
from screens.place import Happened, Place
from screens.run_log import failure
from screens.service_commands import ServiceCommands
from screens.text import clamp, fit, plain
from screens.vm_commands import VmCommands
from screens.vms import status
from screens.widgets.state import State
from screens.widgets.toned import Toned

_RUNS = 8
_LABEL = 16
_RESULT_TONES = {"success": "ok", "error": "error", "waiting": "busy", "running": "busy"}


@dataclass(frozen=True, slots=True)
class Known:
    """One reading of a machine."""

    vm: VmView
    service: ServiceView
    runs: tuple[RunView, ...]


def known(service_id: int) -> Known:
    """Reads a machine, its service and its last runs; refused when it is gone."""
    vm_id = vm_id_of_service(service_id)
    return Known(vms([vm_id])[0], services(service_id)[0], tuple(runs(vm_id, limit=_RUNS)))


class Sheet(Toned):
    """The page about one machine."""

    found: reactive[Known | None] = reactive(None, layout=True)

    def render(self) -> Text:
        if self.found is None:
            return Text()
        return Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines(self.found))

    def _lines(self, found: Known) -> Iterator[Text]:
        yield from self._head(found)
        yield from self._addresses(found.vm)
        yield from self._options(found.service)
        yield from self._commands(found.vm)
        yield from self._runs(found.runs)

    def _title(self, words: str, note: str = "") -> Iterator[Text]:
        yield Text("")
        yield self._cut((f"{words}  ", "accent"), (note, "muted"))

    def _fact(self, name: str, words: str, tone: str = "") -> Text:
        return self._cut((fit(name, _LABEL), "muted"), (words or "—", tone))

    def _cut(self, *pieces: tuple[str, str]) -> Text:
        line = self.toned(*pieces)
        line.truncate(self._width, overflow="ellipsis")
        return line

    @property
    def _width(self) -> int:
        return max(40, self.size.width or self.app.size.width - 3)

    def _wrapped(self, words: str, tone: str) -> Iterator[Text]:
        for line in wrap(plain(words), self._width)[:6]:
            yield self.toned((line, tone))

    def _head(self, found: Known) -> Iterator[Text]:
        vm, stands = found.vm, status(found.vm)
        yield self.toned((f"{vm.service_id}  {vm.fqdn or vm.name or 'no name yet'}", "accent"))
        if vm.error:
            yield from self._wrapped(failure(found.runs) or f"[-] {vm.error}", "error")
        if vm.waiting:
            yield from self._wrapped(f"[~] waits for {age(vm.waiting_since)}: {vm.waiting}", "busy")
        yield self._fact("VM status", f"{stands.text}  {stands.below}", stands.tone)
        yield self._fact("Service", f"{vm.service_status} · {vm.product} · {vm.client}")
        yield self._fact("Proxmox", f"{vm.server} · node {vm.node or '—'} · VMID {vm.vmid or '—'}")
        lock = f" · locked: {vm.remote_lock}" if vm.remote_lock else ""
        yield self._fact("Runs there", f"{vm.remote_status or 'not seen yet'}{lock}")
        yield self._fact("MAC", vm.mac)

    def _addresses(self, vm: VmView) -> Iterator[Text]:
        yield from self._title("Addresses", "reverse names: ctrl+p, Reverse DNS")
        for ip in vm.ips:
            yield self.toned((f"  {ip.address}/{ip.prefix}", ""), (f"  via {ip.gateway or '—'}", "muted"))
            if ip.rdns:
                yield self.toned((f"    {ip.rdns}", "muted"))
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

    def _commands(self, vm: VmView) -> Iterator[Text]:
        yield from self._title(
            "Module commands", "x runs one · * while it runs · ** only while off · -> next"
        )
        running = vm.remote_status == "running"
        for command in COMMANDS:
            why = check(command.name, vm.vm_status, running)
            sign, tone = ("x", "muted") if why else ("+", "")
            yield self._cut((f"  {sign} {fit(command.marks, 46)}", tone), (command.does, "muted"))

    def _runs(self, found: tuple[RunView, ...]) -> Iterator[Text]:
        yield from self._title("Last runs", "l opens the log with every step")
        for run in found:
            tone = _RESULT_TONES.get(run.result, "")
            head = f"  {at(run.started)}  {fit(run.action, 16)} "
            yield self._cut(
                (head, ""),
                (fit(run.result, 8), tone),
                (f" {run.seconds:>7.1f} s  ", ""),
                (clamp(run.error, 200), ""),
            )
        if not found:
            yield self.toned(("  none yet", "muted"))


class VmPlace(Place):
    """The place of one machine."""

    NAME = "vm"
    SCOPE = "vms"
    BINDINGS = bindings("vms")

    def __init__(self, service_id: int) -> None:
        super().__init__(id="place-vm")
        self.service_id = service_id

    def compose(self) -> ComposeResult:
        with ServiceCommands(self._chosen), VmCommands(self._chosen):
            yield State("loading", id="vm-state")
            with VerticalScroll(id="vm-page"):
                yield Sheet()

    def on_mount(self) -> None:
        self.query_one("#vm-page").focus()
        self.reread()

    def reread(self, happened: Happened | None = None) -> None:
        if happened is None or self.service_id in happened.services:
            self.run_worker(self._read(), group="vm", exclusive=True)

    async def _read(self) -> None:
        found = await self.beside(lambda: known(self.service_id))
        state, sheet = self.query_one("#vm-state", State), self.query_one(Sheet)
        state.display, sheet.display = found is None, found is not None
        if found is None:
            state.say(
                "error",
                f"Service {self.service_id} could not be shown.",
                "ctrl+r tries again · esc goes back.",
            )
        else:
            sheet.found = found

    def do_command(self) -> None:
        from screens.widgets.dialogs import Notice

        ref = self.service_id
        verbs = (
            "show",
            "log",
            "record",
            "reset",
            "redeploy",
            "reinstall",
            "delete-record",
            "run-step",
            "dns",
            "rdns",
        )
        words = "\n".join(f"kvmtui vm {verb} {ref}" for verb in verbs)
        self.app.copy_to_clipboard(f"kvmtui vm show {ref}")
        self.app.push_screen(Notice("The same on the command line", words))

    def _chosen(self) -> tuple[int, ...]:
        return (self.service_id,)
