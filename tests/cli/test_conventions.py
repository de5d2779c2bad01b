"""What holds for many verbs: previews, repetition, waiting, zones of one label, and answers on stdout."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Program
from tests.manifest.conftest import SITE


def test_a_task_that_never_ran_is_due_now_and_says_never(kvmtui: Program) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    table = kvmtui("cron", "--list")
    assert (table.exit, table.stderr) == (0, "") and "1970" not in table.stdout
    assert all("\tnever\t" in line for line in table.stdout.splitlines()[1:])
    for task in json.loads(kvmtui("cron", "--list", "--json").stdout):
        assert (task["last_run"], task["last_result"]) == (None, None)
        due = task["next_run"]
        assert due is None if task["interval_minutes"] == 0 else datetime.fromisoformat(due) >= before


def test_the_schedules_of_a_vm_are_results(site: Program) -> None:
    for what in ("backup", "snapshot"):
        none = site("vm", what, "schedule", "5546")
        assert (none.exit, none.stdout, none.stderr) == (0, "No schedule.\n", "")


@pytest.mark.parametrize("name", ["lan", "internal", "Corp.", "1.168.192.in-addr.arpa"])
def test_a_zone_may_have_a_single_label(site: Program, name: str) -> None:
    secret = ("--type", "powerdns", "--server-url", "http://127.0.0.1:1", "--secret-env", "PDNS")
    assert site("zone", "add", name, *secret, PDNS="k").exit == 0
    spelled = name.lower().rstrip(".")
    assert spelled in {zone["zone"] for zone in json.loads(site("zone", "list", "--json").stdout)}
    if "." not in spelled:
        assert site("product", "edit", "VPS-2", "--set", f"main_domain={name}").exit == 0


@pytest.mark.parametrize("name", ["5", "a..b", "*.example.com", "", "a b", "com", "ORG."])
def test_what_no_zone_is_called_is_refused(site: Program, name: str) -> None:
    secret = ("--type", "powerdns", "--server-url", "http://127.0.0.1:1", "--secret-env", "PDNS")
    assert site("zone", "add", name, *secret, PDNS="k").exit == 2


def test_clearing_an_option_that_is_not_overridden_is_harmless(site: Program) -> None:
    before = site("service", "show", "5546", "--json").stdout
    assert site("service", "options", "5546", "--clear", "memory").exit == 0
    assert site("service", "show", "5546", "--json").stdout == before
    wrong = site("service", "options", "5546", "--clear", "memroy")
    assert wrong.exit == 2 and "Did you mean 'memory'?" in wrong.stderr


def test_a_suspension_is_as_harmless_the_second_time(site: Program, home: Path) -> None:
    with sqlite3.connect(home / "kvmtui.db") as database:
        database.execute("UPDATE service SET status = 'Suspended'")
    for _ in range(2):
        again = site("service", "suspend", "5546", "--json", "--wait", "5")
        found = json.loads(again.stdout)
        assert (again.exit, found["request"], found["service_id"]) == (0, None, 5546)
        assert "already suspended; nothing was changed" in again.stderr
    assert site("service", "unsuspend", "5546").exit == 0
    assert site("service", "suspend", "5546").exit == 2  # the queued Unsuspend is about to end it


def test_a_preview_changes_nothing(site: Program) -> None:
    before = site("export").stdout
    for words, line in [
        (("client", "edit", "Acme", "--language", "de"), "~ change client Acme language: en -> de\n"),
        (("server", "delete", "pve-old"), "- delete server pve-old\n"),
        (("service", "create", "--client", "Acme", "--product", "VPS-2"), "+ create service 5547\n"),
        (("client", "add", "B", "--email", "a@b.example"), "+ create client B\n"),
    ]:
        assert site(*words, "--dry-run").stdout == line
        assert json.loads(site("--read-only", *words, "--plan", "--json").stdout)["dry_run"] is True
    assert site("export").stdout == before


def test_the_preview_of_a_request_lists_its_steps(site: Program) -> None:
    before = site("service", "history", "5546", "--json").stdout
    shown = site("--read-only", "service", "terminate", "5546", "--dry-run")
    assert (shown.exit, shown.stdout.splitlines()[:2]) == (
        0,
        ["Terminate would run 5 steps:", "  1. Stop VM"],
    )
    found = json.loads(site("service", "terminate", "5546", "--plan", "--json").stdout)
    assert (found["dry_run"], found["action"], len(found["steps"])) == (True, "Terminate", 5)
    refused = site("vm", "redeploy", "vmid:9999", "--dry-run")
    assert (refused.exit, refused.stdout) == (2, "")
    assert site("service", "history", "5546", "--json").stdout == before


def test_an_applied_manifest_is_waited_for(kvmtui: Program, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    done = kvmtui("apply", str(file), "--json", "--wait", "0")
    (request,) = json.loads(done.stdout)["requests"]
    assert (done.exit, request["service_id"], request["action"]) == (1, 5546, "Deploy")
    # the engine of the command itself may be faster than no time at all
    assert "Timed out after 0 s" in done.stderr or "waiting at (set_ip)" in done.stderr


def test_the_tls_keys_of_a_zone_are_set_from_the_command_line(site: Program) -> None:
    pin = ":".join(["AB"] * 32)
    assert site("zone", "edit", "example.com", "--set", f"tls.fingerprint={pin}").exit == 0
    assert pin in site("export").stdout
