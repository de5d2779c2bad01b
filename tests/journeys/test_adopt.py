"""A foreign guest is adopted as a service by the command line, managed, and terminated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.models import Server
from engine.store.urls import sqlite_url
from tests.journeys.conftest import Journey
from tests.services.guests import make_guest

NAME = "Web01.example.org"


@pytest.fixture
def vmid(journey: Journey) -> int:
    """A running guest that is not ours, on the journey's cluster."""
    number = max([8000, *journey.lab.guests(8000)]) + 1
    open_database(sqlite_url(journey.home / "kvmtui.db"))
    secrets.use_key_file(journey.home / "secret.key")
    try:
        make_guest(Server.get(), number, ipconfig0="ip=192.168.130.9/24,gw=192.168.130.1")
    finally:
        secrets.forget_key()
        close_database()
    return number


def _arguments(vmid: int, *more: str) -> tuple[str, ...]:
    return (
        "service", "adopt", str(vmid), "--server", "pve-lab", "--client", "ops@acme.example",
        "--product", "VPS-2", "--id", "7000", *more,
    )  # fmt: skip


def _config(journey: Journey, vmid: int) -> dict[str, Any]:
    config: dict[str, Any] = journey.lab.guests(8000)[vmid]["config"]
    return config


def test_from_a_foreign_guest_to_the_end_of_a_service(journey: Journey, vmid: int) -> None:
    before = _config(journey, vmid)
    seen = json.loads(journey.ok(*_arguments(vmid, "--dry-run", "--json")))
    assert (seen["called"], seen["refusals"]) == (NAME, [])
    assert seen["addresses"][0]["source"] == "pool 1"
    assert {"name": "cores", "found": 3, "product": 2} in seen["beside"]
    for wrong in ((), ("--confirm", "web01"), ("--confirm", NAME, "--product", "VPS-9")):
        ran = journey.run(*_arguments(vmid, *wrong))
        assert ran.exit == 2 and "Traceback" not in ran.stderr, ran.stderr
    assert _config(journey, vmid) == before, "so far nobody wrote anything"

    done = journey.run(*_arguments(vmid, "--confirm", NAME, "--wait=30"))
    assert done.exit == 0 and "carries our mark; nothing else in it was changed" in done.stdout, done
    after = _config(journey, vmid)
    mark, *rest = after.pop("description").splitlines()
    assert mark.startswith("kvmtui instance=") and rest == before.pop("description").splitlines()
    assert after == before
    vm = journey.vm(7000)
    assert (vm["vmid"], vm["name"], vm["vm_status"], vm["service_status"]) == (
        vmid,
        "web01",
        "ready",
        "Active",
    )
    assert [each["address"] for each in vm["ips"]] == ["192.168.130.9"]
    again = journey.run(*_arguments(vmid, "--id", "7001", "--confirm", NAME))
    assert again.exit == 2 and "VM of service 7000" in again.stderr

    plan = {each["field"]: each for each in journey.json("service", "change-package", "7000", "--plan")}
    assert (plan["cores"]["old"], plan["cores"]["new"]) == (3, 2)
    assert plan["system_disk.size"]["when"] == "never"
    journey.ok("service", "change-package", "7000", "--wait=60")
    assert _config(journey, vmid)["cores"] == 2
    assert "ip=192.168.130.9/24" in _config(journey, vmid)["ipconfig0"]

    story = journey.json("service", "history", "7000")
    assert [each["what"] for each in story if each["kind"] == "request"] == ["change-package"]
    assert [each["what"].partition(":")[0] for each in story if each["kind"] == "ownership"] == [
        "Writing our mark",
        "adopt",
    ]
    assert story[0]["at"].endswith("Z")
    journey.ok("service", "terminate", "7000", "--yes", "--wait=60")
    assert vmid not in journey.lab.guests(8000)
    assert journey.ok("db", "check").startswith("All is well")


def test_a_guest_of_another_site_stays_theirs(journey: Journey, vmid: int) -> None:
    mark = "kvmtui instance=99999999-9999-4999-8999-999999999999 vm=22222222-2222-4222-8222-222222222222"
    journey.lab.do("foreign", action="config", args={"vmid": vmid, "description": mark})
    before = _config(journey, vmid)
    shown = journey.run(*_arguments(vmid, "--dry-run"))
    assert shown.exit == 2 and "another site of kvmtui" in shown.stderr and NAME in shown.stdout
    ran = journey.run(*_arguments(vmid, "--confirm", NAME))
    assert ran.exit == 2 and "another site of kvmtui" in ran.stderr
    read_only = journey.run("--read-only", *_arguments(vmid, "--confirm", NAME))
    assert read_only.exit == 2 and "--read-only" in read_only.stderr
    assert _config(journey, vmid) == before
    assert [row["id"] for row in journey.json("service", "list")] == [5546]
