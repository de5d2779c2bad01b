"""The life cycle of a VM by the command line alone, with cron and with a daemon."""

from __future__ import annotations

import re
import signal
import time

from tests.journeys.conftest import Journey


def test_cron_deploys_and_says_every_step(journey: Journey) -> None:
    ran = journey.process("cron")
    assert (ran.exit, ran.stderr) == (0, "")
    said = ran.stdout
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d kvmtui Cron Start$", said, re.M)
    assert re.search(r"\[processVirtualMachines\] Running \(interval: 1m, last: never\)$", said, re.M)
    assert re.search(r"^--- Deploy: service=5546 vm=- status=creation ---$", said, re.M)
    assert re.search(
        r"^\[\+\] sid:5546 15\. Verify running \+ Email +success \(starting -> ready\) ", said, re.M
    )
    assert re.search(r"^--- Deploy complete: service=5546 status=ready ---$", said, re.M)
    assert re.search(r"Done \([\d.]+s\) — processed: 1, errors: 0$", said, re.M)
    assert re.search(r"sid:5546 action:deploy result:success$", said, re.M)
    vm = journey.vm()
    assert (vm["vm_status"], vm["service_status"], vm["fqdn"]) == ("ready", "Active", "vps-5546.example.com")
    assert vm["ips"][0]["address"] == "192.168.130.2" and vm["last_run"]["result"] == "success"
    assert journey.guest()["status"] == "running"
    (run,) = journey.json("vm", "log", "5546")
    assert (run["action"], run["from"], run["to"], run["result"]) == (
        "Deploy",
        "creation",
        "ready",
        "success",
    )
    assert [step["n"] for step in run["steps"]] == list(range(1, 16))
    (task,) = [row for row in journey.json("cron", "--list") if row["task"] == "processVirtualMachines"]
    assert task["last_result"]["processed"] == 1 and not task["locked"]
    assert "Cron Start" in journey.ok("cron")  # nothing due: quick and quiet


def test_a_daemon_carries_out_what_is_asked(journey: Journey) -> None:
    with journey.daemon() as daemon:
        made = journey.process(
            "service", "create", "--client", "Acme", "--product", "VPS-2", "--wait=60"
        ).stdout
        assert "--- Deploy complete: service=5547 status=ready ---" in made
        assert journey.ok("vm", "stop", "5547", "--wait").count("success") == 1
        assert journey.guest(5547)["status"] == "stopped"
        plan = journey.ok("service", "change-package", "5547", "--option", "cores=4", "--plan")
        assert "cores" in plan and journey.guest(5547)["config"]["cores"] == 2
        journey.ok("service", "change-package", "5547", "--option", "cores=4", "--wait")
        assert journey.guest(5547)["config"]["cores"] == 4
        before = journey.vm(5547)
        journey.ok("vm", "reinstall", "5547", "--template", "9001", "--yes", "--wait")
        after = journey.vm(5547)
        assert (after["vmid"], after["mac"], after["ips"]) == (before["vmid"], before["mac"], before["ips"])
        journey.ok("service", "suspend", "5547", "--wait")
        assert (journey.vm(5547)["service_status"], journey.guest(5547)["status"]) == ("Suspended", "stopped")
        refused = journey.run("vm", "start", "5547")
        assert refused.exit == 2 and "suspended" in refused.stderr
        journey.ok("service", "unsuspend", "5547", "--wait")
        vmid = after["vmid"]
        journey.ok("service", "terminate", "5547", "--yes", "--wait")
        assert vmid not in journey.lab.guests(2000)
        assert journey.vm(5547)["vm_status"] == "remove" and journey.vm(5547)["ips"] == []
        journey.ok("vm", "delete-record", "5547", "--yes", "--reason", "done with it")
        assert [row["service_id"] for row in journey.json("vm", "list")] == [5546]
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(15) == 0 and time.monotonic() - began < 10
    assert "everything is parked" in (journey.home / "daemon.out").read_text()
    assert journey.ok("db", "check").startswith("All is well")


def test_the_work_of_a_killed_daemon_continues(journey: Journey) -> None:
    with journey.daemon() as daemon:
        end = time.monotonic() + 30
        while journey.vm()["vm_status"] in ("creation", "set_ip") and time.monotonic() < end:
            time.sleep(0.05)
        daemon.kill()
        daemon.wait(10)
    assert journey.process("cron", "--force").exit == 0
    assert journey.vm()["vm_status"] == "ready"
    ours = [one for one in journey.lab.guests(2000).values() if one["name"] == "vps-5546"]
    assert [one["vmid"] for one in ours].count(journey.vm()["vmid"]) == 1


def test_guards_refuse_and_change_nothing(journey: Journey) -> None:
    journey.ok("cron")
    before = journey.json("vm", "list")
    for arguments, sentence in [
        (("vm", "redeploy", "5546", "--yes"), "is ready"),
        (("vm", "delete-record", "5546", "--yes"), "only in remove or error_terminate"),
        (("vm", "reset", "5546", "nonsense"), "cannot be reset to 'nonsense'"),
        (("vm", "reinstall", "5546"), "--yes"),
        (("vm", "run-step", "5546", "Set CPU RAM"), "only while the VM is off"),
        (("vm", "run-step", "5546", "Set Netwrk"), "Set Network"),
        (("vm", "record", "5546", "--set", "vlan=9999", "--reason", "x"), "whole number from 0 to 4094"),
        (("vm", "record", "5546", "--set", "vlan=7"), "reason"),
        (("vm", "start", "no-such"), "no-such"),
        (("--read-only", "vm", "stop", "5546"), "--read-only"),
        (("cron", "--task", "processVirtualMachine"), "processVirtualMachines"),
    ]:
        ran = journey.run(*arguments)
        assert (ran.exit, ran.stdout) == (2, ""), (arguments, ran)
        assert sentence in ran.stderr, (arguments, ran.stderr)
        assert "Traceback" not in ran.stderr
    assert journey.ok("service", "unsuspend", "5546") == ""
    assert journey.json("vm", "list") == before


def test_a_stuck_deploy_is_reset_and_redeployed(journey: Journey) -> None:
    journey.lab.do("faults", kind="task-error", task="resize", text="no space left", count=1)
    said = journey.process("cron")
    assert said.exit == 1 and "no space left" in said.stdout
    assert "--- Deploy paused: service=5546 waiting at (set_cpu_ram) ---" in said.stdout
    assert journey.vm()["vm_status"] == "set_cpu_ram"
    first = journey.vm()["vmid"]
    done = journey.process("vm", "redeploy", "5546", "--yes", "--wait=60")
    assert done.exit == 0, done.stdout + done.stderr
    assert journey.vm()["vm_status"] == "ready" and journey.vm()["vmid"] != first
    assert first not in journey.lab.guests(2000)
