"""An operator at the console, in a real terminal, with VMs that deploy on the simulated cluster."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.journeys.conftest import Journey
from tests.journeys.terminal import Terminal, opened
from tests.waiting import until

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(home: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens terminals on the journey's site."""
    with ExitStack() as all_of_them:
        number = iter(range(100))

        def start(*arguments: str, size: tuple[int, int] = (80, 24)) -> Terminal:
            one: AbstractContextManager[Terminal] = opened(
                home, tmp_path / f"t{next(number)}", *arguments, size=size
            )
            shown = all_of_them.enter_context(one)
            shown.until("Needs you")  # a key pressed before would be lost
            return shown

        yield start


def test_reset_and_redeploy_by_keys_alone(journey: Journey, terminal: Open, tmp_path: Path) -> None:
    shown = terminal(size=(120, 40))
    shown.until("engine here")
    shown.press("2")
    shown.until("5546", "+ ready")
    shown.press("Enter")
    shown.until("vps-5546.example.com", "Addresses")
    shown.press("r")
    shown.until("Reset VM vps-5546 to", "set_dns_records")
    shown.press("Down", "Down", "Down", "Down", "Enter")
    shown.until("Reset vps-5546 (service 5546) to set_dns_records?", "reason")
    shown.press("Enter")
    until(lambda: journey.vm()["last_run"]["action"] == "SetDnsRecords")
    until(lambda: journey.vm()["vm_status"] == "ready")
    use_template(journey, tmp_path, "not-there")
    journey.ok("service", "create", "--client", "Acme", "--product", "VPS-2", "--id", "5547")
    shown.press("2")
    shown.until("5547", "! set_ip")
    shown.press("/")
    shown.type("5547")
    shown.until("1 VM · filter")
    shown.press("Enter")
    shown.until("enter Open")
    shown.press("Enter")
    shown.until("not-there is not on server pve-lab")
    use_template(journey, tmp_path, "9002")
    shown.press("R")
    shown.until("Redeploy vps-5547", "deleted on Proxmox")
    shown.type("vps-5547")
    shown.press("Enter")
    until(lambda: journey.vm(5547)["vm_status"] == "ready")
    shown.until("vps-5547.example.com", "+ ready")
    assert journey.guest(5547)["config"]["name"] == "vps-5547"
    shown.press("q")
    assert shown.ended() == 0 and shown.restored


def test_bulk_reports_for_each_vm(journey: Journey, terminal: Open) -> None:
    journey.ok("service", "create", "--client", "Acme", "--product", "VPS-2", "--id", "5547")
    journey.ok("cron", "--budget=50")
    shown = terminal("--read-only", size=(120, 40))
    shown.press("2")
    shown.until("5546", "5547", "+ ready")
    shown.press("Space", "Space", "r")
    shown.until("Read-only console")
    shown.press("q")
    assert shown.ended() == 0
    shown = terminal(size=(120, 40))
    shown.press("2")
    shown.until("5546", "5547", "+ ready", "2 marked")
    shown.press("r")
    shown.until("Reset 2 VMs to")
    shown.press("Down", "Down", "Down", "Down", "Enter")
    shown.until("type 2, then enter")
    shown.press("2", "Enter")
    shown.until("2 of 2 requests queued", "vps-5546", "vps-5547")


def test_it_survives_a_tiny_window_and_comes_back(journey: Journey, terminal: Open) -> None:
    shown = terminal(size=(120, 40))
    shown.press("2")
    shown.until("5546")
    shown.resize(40, 12)
    shown.until("40×12", "60×15")
    shown.resize(80, 24)
    assert "5546" in shown.until("5546", "VMs")
    shown.resize(120, 40)
    shown.until("5546", "Client")
    shown.press("q")
    assert shown.ended() == 0 and shown.restored


def test_a_lost_line_while_deploying_loses_nothing(journey: Journey, terminal: Open) -> None:
    shown = terminal()
    shown.until("engine here")
    until(lambda: journey.vm()["vm_status"] not in ("creation", "ready"))
    began = time.monotonic()
    shown.signal(signal.SIGHUP)
    assert shown.ended() == 0
    assert time.monotonic() - began < 5 and shown.restored
    journey.ok("cron", "--budget=50")
    assert journey.vm()["vm_status"] == "ready"
    assert journey.guests() == ["vps-5546"]


def test_a_daemon_killed_while_one_watches_is_replaced(journey: Journey, terminal: Open) -> None:
    with journey.daemon() as daemon:
        shown = terminal(size=(120, 40))
        shown.until("engine daemon on")
        until(lambda: journey.vm()["vm_status"] not in ("creation",))
        daemon.kill()
        daemon.wait()
        shown.until("engine here", within=90)
    shown.press("2")
    shown.until("5546", "+ ready", within=90)
    shown.press("q")
    assert shown.ended() == 0 and shown.restored
    assert journey.guests() == ["vps-5546"]


def test_two_consoles_see_each_others_work(journey: Journey, terminal: Open) -> None:
    first, second = terminal(), terminal("--read-only")
    first.until("engine here")
    for each in (first, second):
        each.press("2")
        each.until("5546", "+ ready")
        each.press("L")
    journey.ok("vm", "reset", "5546", "set_dns_records")
    lines = []
    for each in (first, second):
        shown = each.until("SetDnsRecords complete")
        lines.append(re.findall(r"--- SetDnsRecords complete.*", shown))
    assert lines[0] == lines[1] and len(lines[0]) == 1, "each saw it once"
    for each in (first, second):
        each.press("q")
        assert each.ended() == 0 and each.restored


def use_template(journey: Journey, folder: Path, template: str) -> None:
    """Makes the product clone from another template."""
    file = folder / "product.yaml"
    file.write_text(
        f"products:\n  - {{name: VPS-2, server: pve-lab, template: {template}, clone: full,"
        ' name_rule: "vps-{service_id}", main_domain: example.com, first_vmid: 3000}\n'
    )
    journey.ok("apply", str(file))
