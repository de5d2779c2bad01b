"""Opening a guest's consoles: the guards, the proof that it is ours, the audit row; then a line or a screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engine import audit, redact
from engine.actions.requests import label, vm_of
from engine.audit import Actor
from engine.consoles.serial import SerialLine
from engine.errors import Refused
from engine.proxmox.cluster import Cluster
from engine.proxmox.console import ConsoleStream, open_stream
from engine.proxmox.faults import NotOurs
from engine.proxmox.guest import Guest
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.mark import Mark
from engine.proxmox.values import ConsoleTicket
from engine.runner.servers import Servers
from engine.store.database import session
from engine.store.models import Setting, Vm


@dataclass(frozen=True, slots=True)
class Machine:
    """A running machine that was just proven to be ours."""

    vm: Vm
    guest: Guest
    config: GuestConfig
    servers: Servers

    @property
    def name(self) -> str:
        """How an operator calls it."""
        return self.vm.name or str(self.vm.service_id)


class OpenScreen:
    """A seat at a guest's screen, good for seconds."""

    def __init__(self, name: str, cluster: Cluster, ticket: ConsoleTicket, servers: Servers) -> None:
        self._name = name
        self._cluster = cluster
        self._ticket = ticket
        self._servers = servers
        self.password = ticket.password or ticket.ticket

    def connect(self) -> ConsoleStream:
        """Takes the seat."""
        return open_stream(self._cluster, self._ticket, f"Opening the screen of {self._name}")

    def close(self) -> None:
        """Lets go of the cluster."""
        self._servers.close()


def open_serial(actor: Actor, service_id: int) -> SerialLine:
    """The serial line of a service's machine, open; the caller closes it."""
    with _machine(service_id) as machine:
        _need_serial_port(machine)
        ticket = _seat(machine.guest.serial_console())
        _write_down(actor, machine, "serial")
        what = f"Opening the serial console of {machine.name}"
        line = SerialLine(open_stream(machine.guest.cluster, ticket, what), machine.name, machine.guest.vmid)
        try:
            line.greet(ticket.user, ticket.ticket)
        except BaseException:
            line.close()
            raise
        return line


def screen_name(service_id: int) -> str:
    """The name of a machine whose screen can be opened now; refused with the reason when it cannot."""
    with _machine(service_id) as machine:
        return machine.name


def open_screen(actor: Actor, service_id: int, peer: str) -> OpenScreen:
    """A seat at the screen of a service's machine, for a browser at `peer`; the caller closes it."""
    with _machine(service_id, keep=True) as machine:
        ticket = _seat(machine.guest.screen_console())
        redact.register(ticket.password)
        _write_down(actor, machine, "screen", peer)
        return OpenScreen(machine.name, machine.guest.cluster, ticket, machine.servers)


@contextmanager
def _machine(service_id: int, *, keep: bool = False) -> Iterator[Machine]:
    """The machine, proven and running; the connections are closed after it, unless they are kept and all went well."""
    servers = Servers()
    try:
        vm, guest = _guest(service_id, servers)
        yield Machine(vm, guest, _proven(vm, guest), servers)
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
            raise Refused(f"{label(vm)} has no machine on Proxmox, so it has no console.")
        cluster = servers.cluster(vm.server)
    return vm, Guest(cluster, vm.vmid, Mark(instance.value, vm.uid), vm.node, vm.smbios_uuid or None)


def _proven(vm: Vm, guest: Guest) -> GuestConfig:
    """Its config, when it is ours and on; a console of somebody else's machine is never opened."""
    try:
        config = guest.prove()
    except NotOurs as error:
        raise Refused(error.sentence) from None
    if not guest.status().running:
        raise Refused(
            f"{label(vm)} is switched off, so there is nothing to see. Start it: kvmtui vm start {vm.service_id}"
        )
    return config


def _need_serial_port(machine: Machine) -> None:
    if any(machine.config.text(f"serial{n}") == "socket" for n in range(4)):
        return
    raise Refused(
        f"{label(machine.vm)} has no serial port. Add one on its node (`qm set {machine.guest.vmid} --serial0 socket`, "
        "then stop and start the machine), or look at its screen with --vnc."
    )


def _seat(ticket: ConsoleTicket) -> ConsoleTicket:
    redact.register(ticket.ticket)
    return ticket


def _write_down(actor: Actor, machine: Machine, kind: str, peer: str = "") -> None:
    """Audited before the first byte flows: what cannot be written down is not opened."""
    after = {"console": kind, **({"browser": peer} if peer else {})}
    vm = machine.vm
    audit.record(actor, "console", "vm", str(vm.service_id), vm.name, before={}, after=after)
