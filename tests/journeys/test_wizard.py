"""A new operator's first evening: from an empty home to a VM that runs, by keys alone, in a real terminal."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.crash import labproc
from tests.crash.labproc import LabProcess
from tests.journeys.terminal import Terminal, opened

Program = Callable[..., Ran]


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """A cluster of its own."""
    with labproc.running(speed=60) as lab:
        yield lab


def gone(shown: Terminal, words: str) -> None:
    """Wait until these words are no longer on the screen."""
    end = time.monotonic() + 60
    while words in shown.screen():
        assert time.monotonic() < end, f"never went: {words}"
        time.sleep(0.05)


def clear(shown: Terminal, words: str) -> None:
    """Clears the line that holds these words."""
    shown.press("C-u")
    gone(shown, words)


def answer(shown: Terminal, *lines: tuple[str, str]) -> None:
    """Type answers; what the form says about each line shows that its keys have arrived."""
    for about, words in lines:
        shown.until(about)
        shown.type(words)
        shown.until(words)
        shown.press("Tab")


def test_from_an_empty_home_to_a_running_vm_by_keys_alone(
    lab: LabProcess, home: Path, kvmtui: Program, tmp_path: Path
) -> None:
    with opened(home, tmp_path / "t", size=(80, 24)) as shown:
        shown.until("Step 1 of 6", "There is no server yet", "engine here")
        shown.press("Enter")
        answer(
            shown,
            ("Name of the cluster", "pve-lab"),
            ("API hosts, tried in order", f"https://127.0.0.1:{lab.port}/"),
            ("Port of the API", ""),
            ("A token is better", ""),
        )
        shown.until("API token as user@realm!name")
        clear(shown, "kvmtui@pve!console  ")
        answer(shown, ("API token as user@realm!name", lab.token_id))
        shown.until("The token's UUID")
        shown.type(lab.token_secret)
        shown.until("••••")
        shown.press("C-o")
        shown.until("Is this your Proxmox?", lab.fingerprint[:47], lab.fingerprint[48:])
        shown.press("y")
        shown.until("Step 2 of 6", "checks passed", "[+] VM.Clone")
        shown.press("Enter")
        shown.until("Step 3 of 6", "9002")
        shown.press("Enter")
        shown.until("Template to clone", "> 9000")
        shown.press("Down", "Down")
        shown.until("> 9002")
        shown.press("Enter")
        shown.until("Step 4 of 6", "Suggested: 192.0.2.14")
        shown.press("Enter")
        shown.until("First address of the range", "Reverse zone: 2.0.192.in-addr.arpa")
        clear(shown, "192.0.2.14  ")
        shown.type("192.0.2.100")
        shown.until("192.0.2.100")
        shown.press("Enter")
        shown.until("Optional: DNS zones", "+4 Pool")
        shown.press("Right")
        shown.until("Step 5 of 6", "Template 9002", "~DNS")
        shown.press("Enter")
        answer(shown, ("Name of the product", "VPS-1"))
        shown.press("C-o")
        shown.until("Step 6 of 6", "checks passed")
        shown.press("Enter")
        answer(shown, ("Name of the client", "Acme"), ("Address for mails about", "ops@acme.example"))
        shown.press("C-o")
        shown.until("This will happen", "+ Client Acme", "linked clone of template 9002")
        shown.press("y")
        shown.until("Summary", "Log · following", "1-1", "[ Done]")
        shown.until("is ready", "Deploy complete", within=90)
        shown.press("Escape")
        shown.until("DNS: skipped. Later: 4, then +.")
        shown.press("Enter")
        shown.until("+ ready", "192.0.2.100")
        shown.press("q")
        assert shown.ended() == 0 and shown.restored
    (vm,) = json.loads(kvmtui("vm", "list", "--json").stdout)
    assert (vm["vm_status"], vm["client"], vm["product"]) == ("ready", "Acme", "VPS-1")
    assert [each["address"] for each in vm["ips"]] == ["192.0.2.100"]
    assert lab.guests(lowest=100)[vm["vmid"]]["config"]["name"] == vm["name"]


def test_it_is_left_in_the_middle_of_a_form_and_taken_up_again(
    lab: LabProcess, home: Path, kvmtui: Program, tmp_path: Path
) -> None:
    with opened(home, tmp_path / "t1") as shown:
        shown.until("There is no server yet")
        shown.press("Enter")
        answer(shown, ("Name of the cluster", "pve-half"), ("API hosts, tried in order", "192.0.2.11"))
        shown.press("Escape")
        gone(shown, "Add your server")
        shown.press("q")
        assert shown.ended() == 0
    with opened(home, tmp_path / "t2") as shown:
        shown.until("There is no server yet")
        shown.press("Enter")
        shown.until("pve-half", "192.0.2.11")


def test_a_silent_cluster_does_not_hold_the_way_out_up(home: Path, kvmtui: Program, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = tmp_path / "site.yaml"
        file.write_text(
            f"servers:\n  - {{name: pve-far, hosts: [127.0.0.1], port: {silent.getsockname()[1]}, user: a@pve, "
            f"password: of-the-test, tls: {{fingerprint: '{':'.join(['AB'] * 32)}'}}}}\n"
        )
        file.chmod(0o600)
        assert kvmtui("apply", str(file)).exit == 0
        with opened(home, tmp_path / "t") as shown:
            shown.until("press F", "engine here")
            shown.press("F")
            shown.until("Asking pve-far")
            began = time.monotonic()
            shown.press("q")
            assert shown.ended() == 0 and shown.restored
            assert time.monotonic() - began < 6
