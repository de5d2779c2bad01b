"""A site for the console's tests: real rows in a real store, a console over them, at a fixed hour."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from textual.pilot import Pilot

from engine.plan import effective
from engine.store.models import Address, Client, Product, Run, Server, Service, Step, Vm
from screens.common.memory import Memory
from screens.framework.screen import BaseScreen
from screens.shell import themes
from screens.shell.console import Console, Setup
from screens.shell.typeahead import TypeAhead
from screens.widgets.table import Table

NOW = 1_776_530_141_000
HOUR = 3_600_000
HOSTILE = "a[/b] \x1b]0;x\x07\u202egnp [@click=app.quit]x[/]"
STATES: tuple[dict[str, Any], ...] = (
    {"vm_status": "ready", "remote_status": "running"},
    {"vm_status": "clone", "error": "storage local-lvm is full on pve1", "error_since": NOW - 2 * HOUR},
    {"vm_status": "set_ip", "wait_kind": "task", "wait_why": "the clone task", "waiting_since": NOW - 9_000},
    {"vm_status": "remove"},
    {"vm_status": "error_terminate", "error": "the VM is locked (backup)", "error_since": NOW - HOUR},
)


def fill(vms: int = 6) -> None:
    """A server, two products, clients with hostile names, and VMs in every state; no engine runs."""
    server = Server.create(
        uid="s-1",
        name="pve-waw1",
        hosts=["127.0.0.1"],
        version="9.0.3",
        last_ok_at=NOW - 60_000,
        created_at=NOW,
    )
    small = Product.create(name="VPS-1", server=server, spec={"cores": 1, "memory": 1024}, created_at=NOW)
    Product.create(name="VPS-2", server=server, spec={"cores": 2, "memory": 2048}, created_at=NOW)
    clients = [Client.create(name=name, created_at=NOW) for name in ("Acme", HOSTILE, "Borealis")]
    for number in range(vms):
        _vm(number, server, small, clients[number % 3])


def _vm(number: int, server: Server, product: Product, client: Client) -> None:
    service = Service.create(
        id=5546 + number, client=client, product=product, status="Active", created_at=NOW
    )
    vm = Vm.create(
        uid=f"v-{number}", service=service, server=server, name=f"vps-{5546 + number}", domain="example.com",
        vmid=2000 + number, node="pve1", mac="BC:24:11:00:00:01", plan=effective(product.spec, {}).as_dict(),
        created_at=NOW, updated_at=NOW, **STATES[number % len(STATES)],
    )  # fmt: skip
    Address.create(
        server=server, bridge="vmbr0", address=ip_address(f"192.0.2.{10 + number}"), vm=vm, prefix=24,
        gateway="192.0.2.1", assigned_at=NOW,
    )  # fmt: skip
    if vm.error:
        _failed_run(vm)


def _failed_run(vm: Vm) -> None:
    run = Run.create(
        vm=vm, action="Deploy", from_status="creation", to_status="clone", result="error",
        started_at=NOW - HOUR, finished_at=NOW - HOUR + 4_000, error=vm.error,
    )  # fmt: skip
    steps = (
        ("set_ip", "Set IP", "success", "", []),
        ("clone", "Clone VM", "error", vm.error, ["asked pve1"]),
    )
    for n, (key, label, result, error, notes) in enumerate(steps, 1):
        Step.create(
            run=run, n=n, step=key, label=label, from_status="creation", to_status=key, result=result,
            started_at=NOW - HOUR, ms=1200 * n, error=error, notes=notes,
        )  # fmt: skip


def console(**setup: Any) -> Console:
    """A console over the open store, without an engine of its own."""
    setup.setdefault("memory", Memory())
    setup.setdefault("appearance", themes.Appearance(tick_seconds=0.05))
    return Console(Setup(site="Example Hosting", **setup))


LONGEST = 60.0
"""Seconds until a console that is still busy fails the test."""


async def settle(pilot: Pilot[Any]) -> None:
    """Waits until every question under way was answered and drawn."""
    quiet, end = 0, time.monotonic() + LONGEST
    while time.monotonic() < end:
        await pilot.pause()
        busy = list(_busy_with(pilot.app))
        quiet = 0 if busy else quiet + 1
        if quiet == 2:  # what the first of two rounds drew may have started something
            return
        if not quiet:
            await pilot.pause(0.01)
    raise AssertionError(f"The console is still busy after {LONGEST:g} s: {busy}")


def _busy_with(app: Any) -> Iterator[object]:
    """What the console still works at: workers, keys that wait and for what, lists that are read."""
    yield from (each for each in app.workers if each.is_running and each.group != "dialog")
    if isinstance(app, TypeAhead) and app.keys_wait:
        yield f"keys wait: {len(app._held)} held, {app._rounds} rounds at {app._target}, {list(app._reasons())}"
    yield from (table for screen in app.screen_stack for table in screen.query(Table) if table.reading)


async def steady(pilot: Pilot[Any]) -> None:
    """Waits for all that, and has the header say the same however late the first events were read."""
    await settle(pilot)
    app: Any = pilot.app
    await app._read_vitals()
    await pilot.pause()


def place(pilot: Pilot[Any]) -> BaseScreen:
    """The place the console is in."""
    app: Any = pilot.app
    return app.current_screen
