"""How every widget looks, at both sizes and in three looks, on fixed data."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from screens.help.page import HelpPage
from screens.widgets.bar import share
from screens.widgets.dialogs import Choice, Choose, Confirm, Notice, PlanDialog, PlanLine, TypeName
from screens.widgets.footer import Footer
from screens.widgets.form import FormDialog, FormWidget
from screens.widgets.header import Facts, Header, Tabs
from screens.widgets.listing import Listing
from screens.widgets.log import LogPane
from screens.widgets.loglines import LogLine
from screens.widgets.rows import Cell, Column, TableRow, View
from screens.widgets.state import StateMessage
from screens.widgets.table import Table

HOSTILE = "a[/b] \x1b[31mred\x1b]0;x\x07 \u202egnp.exe 日本語 [@click=app.quit]x[/]"

VM_COLUMNS = (
    Column("id", "ID", 5, right=True),
    Column("client", "Client", 14, 3, grow=True),
    Column("product", "Product", 10, 5),
    Column("server", "Server", 9, 4),
    Column("vm", "VM", 18, 1),
    Column("status", "VM status", 14, 1),
    Column("service", "Service", 9, 2),
    Column("ips", "IPs", 26, 2, grow=True),
)


def vm(number: int) -> TableRow:
    status, tone = [("ready", "ok"), ("~ clone", "busy"), ("! set_dns", "error"), ("remove", "muted")][
        number % 4
    ]
    client = HOSTILE if number == 5 else f"Client {number % 7}"
    return TableRow(
        number,
        (
            *(str(5500 + number), client, "KVM-4", "pve-waw1", f"{2000 + number} vm-{number}"),
            Cell(status, tone),
            "Active" if number % 5 else Cell("Suspended", "warn"),
            Cell(f"192.0.2.{number}", below=f"vm-{number}.example.com"),
        ),
    )


def vms(lines: int = 1) -> Table:
    table = Table(VM_COLUMNS, noun="VMs", empty="No VM yet.\nPress a to create a service.", lines=lines)
    table.recall(View(sort="vm"), 3, [1, 4])
    table.show([vm(number) for number in range(200)])
    return table


def pools() -> Table:
    columns = (Column("id", "ID", 4), Column("range", "Addresses", 30, grow=True), Column("use", "Usage", 20))
    table = Table(columns, noun="pools")
    table.show(
        [
            TableRow(n, (str(n), f"198.51.{n}.0/24", share(used, 254)))
            for n, used in enumerate((0, 12, 140, 250))
        ]
    )
    return table


def log() -> LogPane:
    results = ("success", "skip", "waiting", "error", "note", "")
    lines = [
        LogLine(n, f"sid:{5500 + n % 9}  {n}. step of a pipeline", results[n % 6], 5500 + n % 9)
        for n in range(1, 90)
    ]
    return LogPane(deque([*lines, LogLine(90, HOSTILE, "error", 5501)]))


class Cloudflare(BaseModel):
    zone: str = Field(min_length=1, title="Zone", description="As it is named at the provider.")
    type: Literal["Cloudflare"] = Field(title="Type")
    account: str = Field(title="Account ID")
    token: SecretStr = Field(title="API token")


class PowerDns(BaseModel):
    zone: str = Field(min_length=1, title="Zone", description="As it is named at the provider.")
    type: Literal["PowerDNS"] = Field(title="Type")
    url: str = Field(title="Server URL", pattern="^https?://")
    key: SecretStr = Field(title="API key")
    port: int = Field(8081, title="Port", ge=1, le=65535)
    insecure: bool = Field(False, title="Skip TLS checks")


def zone_form() -> FormDialog:
    values = {"zone": "example.com", "type": "PowerDNS", "url": "pdns.example.com"}
    return FormDialog(
        "Edit zone", FormWidget(Cloudflare, PowerDns, by="type", values=values, secrets=("key",))
    )


RESETS = (
    Choice("ready", "Everything is fine again after a repair by hand.", "ok"),
    Choice("creation", "Deploy from the very beginning.", "busy"),
    Choice("set_ip", "Allocate the addresses again and continue from there."),
    Choice("terminate", "Try the termination again.", "warn"),
    Choice("remove", "It is gone already; Proxmox is not asked.", "error"),
)
PLAN = (
    PlanLine("+", "record A vm-1.example.com 192.0.2.1"),
    PlanLine("~", "memory 2048 → 4096 MiB"),
    PlanLine("-", f"record PTR {HOSTILE}"),
    PlanLine("=", "CPU 2 cores"),
)


def shell() -> list[Widget]:
    facts = Facts("Example Hosting", "daemon on pve-admin", 12, 3, True)
    return [Header(facts), Tabs("vms"), Listing(vms()), log(), Footer()]


@dataclass(frozen=True)
class Scene:
    """Widgets or a dialog, and the keys pressed before the picture is taken."""

    widgets: Callable[[], Iterable[Widget]] = tuple
    dialog: Callable[[], Screen[object]] | None = None
    press: tuple[str, ...] = ()
    before: Callable[[Pilot[None]], Awaitable[None]] | None = None


async def open_log(pilot: Pilot[None]) -> None:
    pane = pilot.app.query_one(LogPane)
    pane.drain()
    pane.cycle()
    await pilot.pause()


async def open_help(pilot: Pilot[None]) -> None:
    await pilot.app.push_screen(HelpPage(pilot.app.screen))


async def broken_table(pilot: Pilot[None]) -> None:
    pilot.app.query_one(Table).stale("as of 12 s ago")
    pilot.app.query_one(Table)._failed("The database does not answer. Is it running?")


def states() -> list[Widget]:
    return [
        StateMessage("loading"),
        StateMessage("empty", "No pool yet.", "Press a to add one."),
        StateMessage("error", f"The cluster {HOSTILE} does not answer.", "ctrl+t tries again."),
        StateMessage("disconnected", "The daemon is gone.", "Work continues here."),
    ]


SCENES = {
    "shell": Scene(shell, press=("down",)),
    "shell-log": Scene(shell, before=open_log, press=("k",)),
    "two-lines": Scene(lambda: [Listing(vms(2))], press=("/", *"vm-1")),
    "pools": Scene(lambda: [pools()]),
    "broken": Scene(lambda: [vms()], before=broken_table),
    "empty": Scene(lambda: [Table(VM_COLUMNS, noun="VMs")]),
    "states": Scene(states),
    "form": Scene(dialog=zone_form, press=("tab", "tab", "x")),
    "confirm": Scene(
        dialog=lambda: Confirm("Redeploy VM 2002?", "Its disks are deleted first.", danger=True)
    ),
    "type-name": Scene(
        dialog=lambda: TypeName("Terminate 5546?", "5546", (HOSTILE,)), press=(*"55", "enter")
    ),
    "plan": Scene(dialog=lambda: PlanDialog("Change product of 5546", PLAN)),
    "choose": Scene(dialog=lambda: Choose("Reset VM 2002", RESETS), press=("down",)),
    "notice": Scene(dialog=lambda: Notice("Command", "kvmtui vm reset 5546 --to creation\n" + HOSTILE)),
    "help": Scene(shell, before=open_help),
}

COLOURED = ("shell-log", "two-lines", "pools", "broken", "states", "form", "confirm", "plan", "choose")
"""Scenes with everything that has a colour of its own; the others repeat it."""
WIDE = ("shell", "shell-log", "two-lines", "broken", "form", "plan", "help")
PICTURES = (
    *((name, "dark", (80, 24)) for name in SCENES),
    *((name, "dark", (120, 40)) for name in WIDE),
    *((name, look, (80, 24)) for name in COLOURED for look in ("16", "no-color")),
)


@pytest.mark.parametrize(
    ("name", "look", "size"),
    PICTURES,
    ids=lambda each: each if isinstance(each, str) else f"{each[0]}x{each[1]}",
)
def test_it_looks_as_it_did(name, look, size, stage, snap_compare) -> None:
    scene = SCENES[name]

    async def before(pilot: Pilot[None]) -> None:
        if scene.dialog is not None:
            await pilot.app.push_screen(scene.dialog())
        if scene.before is not None:
            await scene.before(pilot)
        await pilot.press(*scene.press)
        await pilot.pause()

    app = stage(*scene.widgets(), look=look, read_only=name.startswith("shell"))
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("look", ["light", "high-contrast"])
def test_the_other_looks(look, stage, snap_compare) -> None:
    assert snap_compare(stage(*shell(), look=look), terminal_size=(80, 24), run_before=open_log)
