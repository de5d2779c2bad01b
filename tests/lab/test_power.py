"""Starting, stopping, snapshots, the agent and task lists."""

from __future__ import annotations

from typing import Any

import pytest

from kvmtui.lab import InjectedFault
from tests.lab.conftest import Client

VM = "/nodes/pve1/qemu/300"


@pytest.fixture
def vm(call: Any) -> Any:
    call.clone(300)
    return call


def test_start_and_stop(vm: Any) -> None:
    assert vm.run("POST", f"{VM}/status/start") == "OK"
    assert vm.get(f"{VM}/status/current")["status"] == "running"
    assert vm.run("POST", f"{VM}/status/start") == "VM 300 already running"
    assert vm.run("POST", f"{VM}/status/shutdown") == "OK"
    assert vm.get(f"{VM}/status/current")["status"] == "stopped"
    for action in ("shutdown", "stop"):
        assert vm.run("POST", f"{VM}/status/{action}") == "OK"
    for action in ("reset", "reboot", "suspend"):
        assert vm("POST", f"{VM}/status/{action}").reason == "VM 300 not running"
    assert [e.action for e in vm.lab.effects if e.action in ("start", "stop", "shutdown")] == [
        "start",
        "shutdown",
    ]


def test_what_keeps_a_vm_from_starting(vm: Any) -> None:
    vm.lab.foreign_lock(300, "backup")
    assert vm.run("POST", f"{VM}/status/start") == "VM is locked (backup)"
    vm.lab.foreign_lock(300, "")
    vm.lab.foreign_config(300, scsi1="local-lvm:vm-300-disk-8,size=1G")
    assert vm.run("POST", f"{VM}/status/start") == "volume 'local-lvm:vm-300-disk-8' does not exist"
    text = "Configuration file 'nodes/pve1/qemu-server/777.conf' does not exist"
    assert vm.run("POST", "/nodes/pve1/qemu/777/status/start") == text
    text = "unable to find configuration file for VM 777 on node 'pve1'"
    assert vm.run("POST", "/nodes/pve1/qemu/777/status/stop") == text


def test_a_deaf_guest_outlasts_the_shutdown(slow: Any) -> None:
    slow.lab.world.roster[100].deaf = True
    upid = slow("POST", "/nodes/pve1/qemu/100/status/shutdown", timeout=20).data
    slow.lab.advance(30)
    blocked = slow("POST", "/nodes/pve1/qemu/100/status/stop").data
    slow.lab.advance(11)
    assert slow.ended(blocked) == "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"
    slow.lab.advance(20)
    assert slow.ended(upid) == "VM quit/powerdown failed - got timeout"
    assert slow.lab.guest(100).status == "running"
    upid = slow("POST", "/nodes/pve1/qemu/100/status/shutdown").data
    stop = slow.session.post(
        f"{slow.lab.url}/api2/json/nodes/pve1/qemu/100/status/stop", data={"overrule-shutdown": 1}
    )
    slow.lab.advance(5)
    assert slow.ended(stop.json()["data"]) == "OK"
    assert slow.ended(upid) == "received interrupt"
    assert slow.lab.guest(100).status == "stopped"


def test_snapshots(vm: Any) -> None:
    vm("PUT", f"{VM}/config", description="mark", cores=2)
    assert vm.run("POST", f"{VM}/snapshot", snapname="first", description="mine") == "OK"
    vm("PUT", f"{VM}/config", description="other", cores=4, scsi1="local-lvm:1")
    assert vm.run("PUT", f"{VM}/resize", disk="scsi0", size="9G") == "OK"
    listed = vm.get(f"{VM}/snapshot")
    assert [(s["name"], s["description"]) for s in listed] == [
        ("first", "mine"),
        ("current", "You are here!"),
    ]
    assert listed[1]["parent"] == "first"
    vm.run("POST", f"{VM}/status/start")
    assert vm.run("POST", f"{VM}/snapshot/first/rollback") == "OK"
    back = vm.get(f"{VM}/config")
    assert (back["description"], back["cores"]) == ("mark", 2)
    assert back["scsi0"].endswith("size=3G")
    assert back["unused0"] == "local-lvm:vm-300-disk-1"
    assert vm.lab.guest(300).status == "stopped"
    assert vm.run("DELETE", f"{VM}/snapshot/first") == "OK"
    assert [s["name"] for s in vm.get(f"{VM}/snapshot")] == ["current"]


def test_snapshot_refusals(vm: Any) -> None:
    reserved = vm("POST", f"{VM}/snapshot", snapname="current")
    assert reserved.reason == "unable to use snapshot name 'current' (reserved name)"
    assert vm("POST", f"{VM}/snapshot", snapname="1st").status == 400
    vm.run("POST", f"{VM}/snapshot", snapname="first")
    assert vm.run("POST", f"{VM}/snapshot", snapname="first") == "snapshot name 'first' already used"
    assert vm.run("DELETE", f"{VM}/snapshot/none") == "snapshot 'none' does not exist"
    assert vm.run("POST", f"{VM}/snapshot/none/rollback") == "snapshot 'none' does not exist"
    template = vm.run("POST", "/nodes/pve1/qemu/9000/snapshot", snapname="first")
    assert template == "you can't take a snapshot if it's a template"
    made = vm("POST", f"{VM}/template")
    assert made.reason == "unable to create template, because VM contains snapshots"


def test_the_agent_answers_once_the_guest_has_booted(slow: Any) -> None:
    stopped = slow("POST", "/nodes/pve2/qemu/105/agent/ping")
    assert stopped.reason == "VM 105 is not running"
    assert slow("POST", "/nodes/pve1/qemu/100/agent/ping").data == {"result": {}}
    slow.lab.foreign_config(100, agent="0")
    assert slow("POST", "/nodes/pve1/qemu/100/agent/ping").reason == "No QEMU guest agent configured"


def test_an_agent_that_is_not_there_yet(start: Any) -> None:
    call = start(speed=200)
    call.clone(300)
    call.run("POST", f"{VM}/status/start")
    assert call("POST", f"{VM}/agent/ping").reason == "QEMU guest agent is not running"
    call.lab.advance(20)
    assert call("POST", f"{VM}/agent/ping").status == 200


def test_the_agent_reports_addresses_and_sets_passwords(call: Any) -> None:
    found = call.get("/nodes/pve1/qemu/100/agent/network-get-interfaces")["result"]
    assert [interface["name"] for interface in found] == ["lo", "eth0"]
    params = {"username": "root", "password": "very-secret-word"}
    assert call("POST", "/nodes/pve1/qemu/100/agent/set-user-password", **params).status == 200
    effect = call.lab.effects[-1]
    assert (effect.action, effect.detail) == ("password", "root")
    assert "very-secret-word" not in repr(call.lab.world.roster[100].agent_requests)


def test_task_lists(slow: Any) -> None:
    upid = slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300).data
    active = slow.get("/nodes/pve1/tasks", source="active")
    assert [(t["upid"], t["status"]) for t in active] == [(upid, "RUNNING")]
    assert slow.get("/nodes/pve1/tasks") == []
    assert [t["upid"] for t in slow.get("/cluster/tasks")] == [upid]
    slow.lab.advance(20)
    assert slow.get("/nodes/pve1/tasks", source="active") == []
    done = slow.get("/nodes/pve1/tasks")[0]
    assert (done["status"], done["type"], done["id"]) == ("OK", "qmclone", "9000")
    assert (done["user"], done["tokenid"]) == ("kvmtui@pve", "lab")
    assert done["endtime"] > done["starttime"]
    for filters, count in (
        ({"typefilter": "qmclone"}, 1),
        ({"typefilter": "qmstart"}, 0),
        ({"vmid": 9000}, 1),
        ({"since": done["starttime"]}, 1),
        ({"since": done["starttime"] + 1}, 0),
        ({"until": done["starttime"] - 1}, 0),
        ({"statusfilter": "error"}, 0),
        ({"statusfilter": "ok,warning"}, 1),
        ({"userfilter": "kvmtui"}, 1),
        ({"limit": 1, "start": 1}, 0),
    ):
        assert len(slow.get("/nodes/pve1/tasks", **filters)) == count, filters
    assert slow.get("/nodes/pve2/tasks") == []


def test_tasks_that_are_not_there(call: Any) -> None:
    bad = call("GET", "/nodes/pve1/tasks/nonsense/status")
    assert (bad.status, bad.errors) == (400, {"upid": "unable to parse worker upid"})
    upid = "UPID:pve1:00000001:00000001:00000001:qmclone:1:root@pam:"
    for node in ("pve1", "pve2"):
        missing = call("GET", f"/nodes/{node}/tasks/{upid}/status")
        assert (missing.status, missing.errors) == (400, {"upid": "no such task"})


def test_a_stopped_task_undoes_what_it_began(slow: Any) -> None:
    upid = slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300).data
    slow.lab.advance(0.1)
    assert slow("DELETE", f"/nodes/pve1/tasks/{upid}").data is None
    assert slow.ended(upid) == "clone failed: interrupted by signal"
    assert slow.lab.guest(300) is None


def test_others_tasks_need_sys_audit(call: Any) -> None:
    upid = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300).data
    task = call.lab.world.workers.by_upid[upid]
    task.user = "other@pve"
    call.lab.revoke("Sys.Audit", "/nodes")
    assert call.get("/nodes/pve1/tasks") == []
    refused = call("GET", f"/nodes/pve1/tasks/{upid}/status")
    assert (refused.status, refused.reason) == (403, "Permission check failed (/nodes/pve1, Sys.Audit)")


def test_without_quorum_nothing_changes(call: Any) -> None:
    call.lab.quorum(False)
    for method, path, params in (
        ("POST", "/nodes/pve1/qemu/9000/clone", {"newid": 300}),
        ("PUT", "/nodes/pve2/qemu/105/config", {"cores": 2}),
        ("POST", "/nodes/pve2/qemu/105/status/start", {}),
        ("POST", "/nodes/pve2/qemu/105/migrate", {"target": "pve1"}),
        ("POST", "/nodes/pve2/qemu/105/firewall/ipset", {"name": "ab"}),
    ):
        assert call(method, path, **params).status == 500, path
    for method, path, params in (
        ("PUT", "/nodes/pve2/qemu/105/resize", {"disk": "scsi0", "size": "30G"}),
        ("DELETE", "/nodes/pve2/qemu/105", {}),
    ):
        assert call.run(method, path, **params).endswith("Permission denied"), path
    assert call.lab.effects == []
    call.lab.quorum(True)
    assert call("PUT", "/nodes/pve2/qemu/105/config", cores=2).status == 200


def test_an_offline_node(call: Any) -> None:
    call.lab.offline("pve2")
    down = call("GET", "/nodes/pve2/qemu/105/config")
    assert (down.status, down.reason) == (595, "No route to host")
    states = {item["vmid"]: item["status"] for item in call.get("/cluster/resources", type="vm")}
    assert (states[105], states[100]) == ("unknown", "running")
    assert [n["status"] for n in call.get("/nodes")] == ["online", "offline", "online"]
    call.lab.online("pve2")
    assert call("GET", "/nodes/pve2/qemu/105/config").status == 200


def test_a_worker_killed_by_a_fault_leaves_the_lock(call: Any) -> None:
    call.lab.faults.add(InjectedFault("task-killed", task="qmclone", vmid=300))
    assert call.run("POST", "/nodes/pve1/qemu/9000/clone", newid=300) == "unexpected status"
    assert call.lab.guest(300).lock == "clone"


def test_a_guest_that_is_replaced_while_it_shuts_down_is_not_taken_for_the_new_one(slow: Client) -> None:
    node = "/nodes/pve2/qemu/105/status"
    upid = slow("POST", f"{node}/start").data
    slow.lab.advance(9)
    assert slow.ended(upid) == "OK"
    upid = slow("POST", f"{node}/shutdown").data
    slow.lab.foreign_delete(105)
    slow.lab.foreign_create(105, node="pve2")
    slow.lab.foreign_power(105, "running")
    slow.lab.advance(15)
    assert slow.ended(upid).endswith("105.conf' does not exist")
    (guest,) = [one for one in slow.lab.guests() if one.vmid == 105]
    assert guest.status == "running"
    assert [one.action for one in slow.lab.effects if one.vmid == 105].count("shutdown") == 0
