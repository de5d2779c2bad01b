"""Moving VMs: the precheck, refusals, the two ways a move ends badly, and that a VM really moves."""

from __future__ import annotations

from typing import Any

import pytest

from kvmtui.lab import InjectedFault

VM = "/nodes/pve1/qemu/300"


def test_a_stopped_vm_moves_with_its_local_disks(call: Any) -> None:
    call.clone(300, full=1)
    check = call.get(f"{VM}/migrate")
    assert check["running"] == 0
    assert check["allowed_nodes"] == ["pve2", "pve3"]
    assert {disk["volid"] for disk in check["local_disks"]} == {
        "local-lvm:vm-300-disk-0",
        "local-lvm:vm-300-cloudinit",
    }
    assert call.run("POST", f"{VM}/migrate", target="pve2") == "OK"
    assert call.lab.guest(300).node == "pve2"
    assert call.lab.guest(300).lock is None
    assert {v.node for v in call.lab.volumes() if v.vmid == 300} == {"pve2"}
    gone = call("GET", f"{VM}/config")
    assert gone.reason == "Configuration file 'nodes/pve1/qemu-server/300.conf' does not exist"
    assert call.get("/nodes/pve2/qemu/300/config")["scsi0"].startswith("local-lvm:vm-300-disk-0,")


def test_a_linked_clone_on_local_storage_cannot_move(call: Any) -> None:
    call.clone(300)
    upid = call("POST", f"{VM}/migrate", target="pve2").data
    assert call.ended(upid) == "migration aborted"
    log = call.log(upid)
    assert "can't migrate 'local-lvm:vm-300-disk-0' as it's a clone of 'base-9000-disk-0'" in log
    assert "can't migrate VM - check log" in log
    assert call.lab.guest(300).node == "pve1"
    assert call.lab.guest(300).lock is None


def test_shared_disks_stay_where_they_are(call: Any) -> None:
    call.clone(300, source=9010)
    before = set(call.lab.guest(300).volumes)
    assert call.run("POST", f"{VM}/migrate", target="pve3") == "OK"
    assert set(call.lab.guest(300).volumes) == before


def test_target_storage_renames_a_disk_in_the_way(call: Any) -> None:
    call.clone(300, full=1)
    call.clone(301, full=1)
    assert (
        call.run("POST", "/nodes/pve1/qemu/301/migrate", target="pve2", targetstorage="local-lvm:ceph")
        == "OK"
    )
    assert call.lab.guest(301).volumes == ("ceph:vm-301-cloudinit", "ceph:vm-301-disk-0")
    assert call.run("POST", f"{VM}/migrate", target="pve2", targetstorage="1") == "OK"
    assert call.lab.guest(300).volumes == ("local-lvm:vm-300-cloudinit", "local-lvm:vm-300-disk-0")


@pytest.mark.parametrize(
    ("params", "status", "reason", "errors"),
    [
        ({"target": "pve1"}, 400, "Parameter verification failed.", {"target": "target is local node."}),
        ({"target": "pve9"}, 500, "no such cluster node 'pve9'", {}),
        (
            {"target": "pve2", "force": 1},
            400,
            "Parameter verification failed.",
            {"force": "Only root may use this option."},
        ),
        ({"target": "pve2", "targetstorage": "local"}, 500, "storage 'local' does not support vm images", {}),
        ({"target": "pve2", "targetstorage": "void"}, 500, "storage 'void' does not exist", {}),
    ],
)
def test_refused_at_once(
    call: Any, params: dict[str, Any], status: int, reason: str, errors: dict[str, str]
) -> None:
    call.clone(300, full=1)
    answer = call("POST", f"{VM}/migrate", **params)
    assert (answer.status, answer.reason, answer.errors) == (status, reason, errors)


def test_a_running_or_locked_vm_and_a_missing_storage_are_refused(call: Any) -> None:
    running = call("POST", "/nodes/pve1/qemu/100/migrate", target="pve2")
    assert running.reason == "can't migrate running VM without --online"
    upid = call("POST", "/nodes/pve1/qemu/100/migrate", target="pve2", online=1).data
    assert call.ended(upid) == "migration aborted"
    assert "can't live migrate attached local disks without with-local-disks option" in call.log(upid)
    call.clone(300, full=1)
    call.lab.world.storages["local-lvm"]["nodes"] = "pve1,pve3"
    missing = call("POST", f"{VM}/migrate", target="pve2")
    assert missing.reason == "storage 'local-lvm' is not available on node 'pve2'"
    assert call.get(f"{VM}/migrate")["not_allowed_nodes"] == {"pve2": {"unavailable_storages": ["local-lvm"]}}
    call.lab.foreign_lock(300, "backup")
    assert call("POST", f"{VM}/migrate", target="pve3").reason == "VM is locked (backup)"


def test_problems_after_the_move_leave_the_vm_on_the_target(call: Any) -> None:
    call.clone(300, full=1)
    call.lab.faults.add(InjectedFault("task-error", task="qmigrate", after=True, text="migration problems"))
    assert call.run("POST", f"{VM}/migrate", target="pve2") == "migration problems"
    assert call.lab.guest(300).node == "pve2"


def test_an_unreachable_target_aborts_and_leaves_nothing(call: Any) -> None:
    call.clone(300, full=1)
    call.lab.offline("pve2")
    before = call.lab.volumes()
    assert call.run("POST", f"{VM}/migrate", target="pve2") == "migration aborted"
    assert call.lab.volumes() == before


def test_a_local_iso_and_a_snapshot_block_the_move(call: Any) -> None:
    call.clone(300, full=1)
    assert call.run("POST", f"{VM}/snapshot", snapname="before") == "OK"
    upid = call("POST", f"{VM}/migrate", target="pve2").data
    assert call.ended(upid) == "migration aborted"
    assert "non-migratable snapshot exists" in call.log(upid)
