"""Open a VM's serial or noVNC console: guards, proof of ownership, audit rows.

A console is opened only after its audit row is written: who opened which console of which VM, when, and how long
it stayed open. Content, input and tickets are never recorded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from engine import audit
from engine.actions.permission import needs
from engine.actions.requests import subject, vm_of
from engine.audit import Actor
from engine.clock import now_ms
from engine.consoles import console_options
from engine.consoles.console_options import ConsoleSettings
from engine.consoles.screen_offers import ScreenOffer
from engine.consoles.serial import SerialLine
from engine.errors import KvmtuiError, Refused
from engine.proxmox.faults import NotOurs
from engine.proxmox.guest import Guest
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.mark import Mark
from engine.proxmox.values import ConsoleTicket
from engine.roles import Role
from engine.store.database import session
from engine.store.models import Setting, Vm
from engine.work.servers import Servers

if TYPE_CHECKING:  # websockets: few processes ever open a console
    from engine.consoles.proxy import ScreenProxy
    from engine.proxmox.console import ConsoleStream

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProvenVm:
    """A running VM that was just proven to be ours."""

    vm: Vm
    guest: Guest
    config: GuestConfig
    servers: Servers

    @property
    def name(self) -> str:
        """The VM's name, or its service id."""
        return self.vm.name or str(self.vm.service_id)


class _Visit:
    """One console from its opening to its end, each written into the audit trail once."""

    def __init__(self, actor: Actor, proven: ProvenVm, kind: str, peer: str = "") -> None:
        self._about = {"console": kind, **({"browser": peer} if peer else {})}
        self._actor = actor
        self._vm = proven.vm
        self._began = now_ms()
        self._open = True
        self._record("console-open", self._about, "done")

    def end(self, how: str) -> None:
        """Writes the end down, once; a console that cannot be written down any more is closed all the same."""
        if not self._open:
            return
        self._open = False
        try:
            self._record("console-close", self._about | {"seconds": (now_ms() - self._began) // 1000}, how)
        except Exception:
            log.exception("The end of a console could not be written into the audit trail")

    def _record(self, action: str, after: dict[str, Any], result: str) -> None:
        vm = self._vm
        audit.record(
            self._actor, action, "vm", str(vm.service_id), vm.name, before={}, after=after, result=result
        )


class OpenSerial:
    """A guest's serial line that is open; `end` hangs up."""

    def __init__(self, line: SerialLine, visit: _Visit) -> None:
        self.line = line
        self._visit = visit

    def end(self, how: str) -> None:
        """Hangs up and writes down how it ended."""
        self.line.close()
        self._visit.end(how)


class OpenScreen:
    """A seat at a guest's screen, good for seconds."""

    def __init__(self, proven: ProvenVm, ticket: ConsoleTicket, visit: _Visit) -> None:
        self._proven = proven
        self._ticket = ticket
        self._visit = visit
        self.password = ticket.password or ticket.ticket

    def connect(self) -> ConsoleStream:
        """Takes the seat."""
        return _stream(self._proven, self._ticket, "screen")

    def close(self, how: str) -> None:
        """Lets go of the cluster and writes down how it ended."""
        self._proven.servers.close()
        self._visit.end(how)


@needs(Role.SUPPORT, "open a serial console")
def open_serial(actor: Actor, service_id: int) -> OpenSerial:
    """The serial line of a service's VM, open; the caller ends it."""
    with _proven_vm(service_id) as proven:
        _need_serial_port(proven)
        ticket = proven.guest.serial_console()
        visit = _Visit(actor, proven, "serial")
        try:
            return OpenSerial(_line(proven, ticket), visit)
        except BaseException as error:
            visit.end(error.sentence if isinstance(error, KvmtuiError) else "broken off")
            raise


def _line(proven: ProvenVm, ticket: ConsoleTicket) -> SerialLine:
    line = SerialLine(_stream(proven, ticket, "serial console"), proven.name, proven.guest.vmid)
    try:
        line.greet(ticket.user, ticket.ticket)
    except BaseException:
        line.close()
        raise
    return line


def _stream(proven: ProvenVm, ticket: ConsoleTicket, what: str) -> ConsoleStream:
    from engine.proxmox.console import open_stream

    return open_stream(proven.guest.cluster, ticket, f"Opening the {what} of {proven.name}")


class ScreenLinks:
    """Links to screens, all served at one place that is opened with the first; `close` ends every screen."""

    def __init__(self, chosen: ConsoleSettings | None = None) -> None:
        self._settings = chosen
        self._lock = threading.Lock()
        self._proxy: ScreenProxy | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @needs(Role.SUPPORT, "open a noVNC console")
    def offer(self, actor: Actor, service_id: int) -> tuple[ScreenOffer, str]:
        """Offers the screen of a VM: what becomes of it, and the link that opens it once, within seconds."""
        from engine.consoles import novnc
        from engine.consoles.proxy import ScreenProxy

        with self._lock:
            if self._proxy is None:
                scripts = novnc.scripts(console_options.novnc_folders())
                self._proxy = ScreenProxy(self._settings or console_options.current(), scripts)
        return offer_screen(actor, service_id, self._proxy)

    def close(self) -> None:
        """Ends every screen and stops listening."""
        with self._lock:
            proxy, self._proxy = self._proxy, None
        if proxy is not None:
            proxy.close()


@needs(Role.SUPPORT, "open a noVNC console")
def offer_screen(actor: Actor, service_id: int, proxy: ScreenProxy) -> tuple[ScreenOffer, str]:
    """Offers the screen of a VM that can be opened now: what becomes of it, and the link that opens it once."""
    with _proven_vm(service_id) as proven:
        name = proven.name
    return proxy.offer(name, lambda peer: open_screen(actor, service_id, peer))


@needs(Role.SUPPORT, "open a noVNC console")
def open_screen(actor: Actor, service_id: int, peer: str) -> OpenScreen:
    """A seat at the screen of a service's VM, for a browser at `peer`; the caller closes it."""
    with _proven_vm(service_id, keep=True) as proven:
        ticket = proven.guest.screen_console()
        return OpenScreen(proven, ticket, _Visit(actor, proven, "screen", peer))


@contextmanager
def _proven_vm(service_id: int, *, keep: bool = False) -> Iterator[ProvenVm]:
    """The VM, proven and running; the connections are closed after it, unless they are kept and all went well."""
    servers = Servers()
    try:
        vm, guest = _guest(service_id, servers)
        yield ProvenVm(vm, guest, _proven(vm, guest), servers)
    except BaseException:
        servers.close()
        raise
    if not keep:
        servers.close()


def _guest(service_id: int, servers: Servers) -> tuple[Vm, Guest]:
    with session():
        vm = vm_of(service_id)
        instance = Setting.get_or_none(Setting.key == "instance")
        if vm.vmid is None or not vm.node or instance is None or vm.vm_status == "remove":
            raise Refused(f"{subject(vm)} is not on Proxmox yet, so it has no console.")
        cluster = servers.cluster(vm.server)
    return vm, Guest(cluster, vm.vmid, Mark(instance.value, vm.uid), vm.node, vm.smbios_uuid or None)


def _proven(vm: Vm, guest: Guest) -> GuestConfig:
    """Its config, when it is ours and on; a console of somebody else's VM is never opened."""
    try:
        config = guest.prove()
    except NotOurs as error:
        raise Refused(error.sentence) from None
    if not guest.status().running:
        raise Refused(
            f"{subject(vm)} is switched off, so there is nothing to see. Start it: kvmtui vm start {vm.service_id}"
        )
    return config


def _need_serial_port(proven: ProvenVm) -> None:
    if any(proven.config.text(f"serial{n}") == "socket" for n in range(4)):
        return
    raise Refused(
        f"{subject(proven.vm)} has no serial port. Add one on its node (`qm set {proven.guest.vmid} --serial0 socket`, "
        "then stop and start the VM), or look at its screen with --vnc."
    )
