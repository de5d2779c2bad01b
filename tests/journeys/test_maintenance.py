"""Snapshots, backups, password and ISO by the command line alone, verified on the cluster."""

from __future__ import annotations

import csv

import pytest

from tests.journeys.conftest import Journey


@pytest.fixture
def ready(journey: Journey) -> Journey:
    """A deployed VM with snapshots and backups in its plan."""
    more = [f"--set={each}" for each in ("snapshots=2", "backups=1", "backup_storage=backup")]
    journey.ok("product", "edit", "VPS-2", *more)
    journey.ok("cron")
    return journey


def asked(journey: Journey, *arguments: str) -> str:
    """Ask, and let cron carry it out; the lines of the run."""
    journey.ok("vm", *arguments)
    said = journey.ok("cron", "--task=processVirtualMachines", "--force")
    assert "errors: 0" in said, said
    return said


def test_snapshots_backups_restore_and_traffic(ready: Journey) -> None:
    asked(ready, "snapshot", "create", "5546", "before")
    asked(ready, "backup", "create", "5546")
    (backup,) = ready.json("vm", "backup", "list", "5546")
    assert backup["ours"] and backup["size"] > 0
    ready.lab.do("foreign", action="config", args={"vmid": ready.vm()["vmid"], "cores": 1})
    asked(ready, "snapshot", "rollback", "5546", "before", "--yes")
    assert (ready.guest()["status"], ready.guest()["config"]["cores"]) == ("running", 2)
    assert [one["name"] for one in ready.json("vm", "snapshot", "list", "5546")] == ["before"]
    mac = ready.vm()["mac"]
    assert "Restore complete" in asked(ready, "restore", "5546", backup["backup"], "--yes")
    assert ready.guest()["status"] == "running" and mac in ready.guest()["config"]["net0"]
    assert ready.json("vm", "snapshot", "list", "5546") == []
    counted = ready.ok("cron", "--task=collectingStatistics", "--force")
    assert "[collectingStatistics] Done" in counted and "errors: 0" in counted
    asked(ready, "stop", "5546")  # what ran since is counted before the counters end
    (month,) = ready.json("vm", "stats", "5546")
    assert month["service_id"] == 5546 and month["bytes_in"] > 0 and month["bytes_out"] > 0
    rows = list(csv.DictReader(ready.ok("vm", "stats", "--all", "--csv").splitlines()))
    assert rows == [{key: str(value) for key, value in month.items()}]
    assert ready.ok("cron", "--task=scheduleBackup", "--force").count("errors: 0") == 1
