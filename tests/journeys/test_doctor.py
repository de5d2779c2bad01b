"""`server test`, `zone test` and `doctor` against a cluster that is well, and one that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.crash import labproc
from tests.crash.labproc import LabProcess
from tests.journeys.conftest import Journey


@pytest.fixture
def lab() -> Iterator[LabProcess]:
    """A cluster for each test: one of them removes privileges."""
    with labproc.running(speed=60) as lab:
        yield lab


def test_a_server_that_is_well_passes_and_says_what_it_saw(journey: Journey) -> None:
    ran = journey.run("server", "test", "pve-lab", "--json")
    checks = json.loads(ran.stdout)
    failed = [one for one in checks if one["result"] == "fail"]
    assert (ran.exit, failed) == (0, [])
    assert {"about", "name", "result", "sentence", "fix"} <= set(checks[0])
    text = journey.ok("server", "test", "pve-lab")
    assert text.startswith("server pve-lab\n") and "ok  " in text


def test_a_missing_privilege_is_reported_with_the_command_that_grants_it(journey: Journey) -> None:
    journey.lab.do("revoke", privilege="VM.Clone", path="/")
    ran = journey.run("server", "test", "pve-lab")
    assert ran.exit == 1
    assert "VM.Clone" in ran.stdout and "pveum" in ran.stdout and "FAIL" in ran.stdout


def test_a_server_that_cannot_be_reached_or_trusted_is_a_sentence(journey: Journey) -> None:
    ran = journey.run("server", "edit", "pve-lab", "--port", "1")
    assert ran.exit == 0, ran.stderr
    ran = journey.run("doctor", "pve-lab")
    assert ran.exit == 1 and "could not be reached" in ran.stdout and "Traceback" not in ran.stderr
    unknown = journey.run("server", "test", "pve-lub")
    assert unknown.exit == 2 and "pve-lab" in unknown.stderr


def test_doctor_checks_everything_and_warns_that_no_engine_runs(journey: Journey) -> None:
    ran = journey.run("doctor")
    assert "No engine is running" in ran.stdout and "The database is consistent." in ran.stdout
    assert "server pve-lab" in ran.stdout
