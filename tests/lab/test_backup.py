"""Backups, what lies on storages, restores."""

from __future__ import annotations

from typing import Any

import pytest

VM = "/nodes/pve1/qemu/300"
CONTENT = "/nodes/pve1/storage/backup/content"


@pytest.fixture
def vm(call: Any) -> Any:
    call.clone(300, name="web", description="mark one")
    return call


def dump(call: Any, **params: Any) -> str:
    """The volume id of a new backup."""
    known = {v["volid"] for v in call.get(CONTENT, content="backup", vmid=300)}
    assert (
        call.run("POST", "/nodes/pve1/vzdump", vmid=300, storage="backup", compress="zstd", **params) == "OK"
    )
    new = [v for v in call.get(CONTENT, content="backup", vmid=300) if v["volid"] not in known]
    return str(new[0]["volid"])


def test_a_backup_with_notes(vm: Any) -> None:
    volid = dump(vm, notes_template="{{guestname}} on {{node}}\\nsecond line", protected=1)
    entry = vm.get(CONTENT, content="backup", vmid=300)[0]
    assert volid.startswith("backup:backup/vzdump-qemu-300-")
    assert volid.endswith(".vma.zst")
    assert (entry["format"], entry["subtype"], entry["notes"]) == ("vma.zst", "qemu", "web on pve1")
    assert entry["protected"] == 1
    assert vm.get(f"{CONTENT}/{volid}")["notes"] == "web on pve1\nsecond line"
    kept = vm.run("DELETE", f"{CONTENT}/{volid}")
    assert kept == f"cannot remove protected volume '{volid.removeprefix('backup:')}' on 'backup'"
    vm("PUT", f"{CONTENT}/{volid}", protected=0, notes="new")
    assert vm.get(CONTENT, content="backup")[0]["notes"] == "new"
    assert vm.run("DELETE", f"{CONTENT}/{volid}") == "OK"
    assert vm.get(CONTENT, content="backup") == []


def test_what_a_backup_says_when_it_cannot(vm: Any) -> None:
    assert vm("POST", "/nodes/pve2/vzdump", vmid=300, storage="backup").data == "OK"
    assert vm.lab.tasks()[-1].type == "qmclone"
    vm.lab.foreign_lock(300, "migrate")
    upid = vm("POST", "/nodes/pve1/vzdump", vmid=300, storage="backup").data
    assert vm.ended(upid) == "job errors"
    assert "ERROR: Backup of VM 300 failed - VM is locked (migrate)" in vm.log(upid)
    wrong = vm.run("POST", "/nodes/pve1/vzdump", vmid=300, storage="ceph")
    assert wrong == (
        "could not get storage information for 'ceph': can't use storage 'ceph' for backups - wrong content type"
    )
    assert vm("POST", "/nodes/pve1/vzdump", vmid=300, notes_template="x").status == 400


def test_the_vm_is_locked_during_a_backup_and_one_backup_runs_at_a_time(slow: Any) -> None:
    first = slow("POST", "/nodes/pve1/vzdump", vmid=100, storage="backup").data
    slow.lab.advance(0.5)
    assert slow.lab.guest(100).lock == "backup"
    second = slow("POST", "/nodes/pve1/vzdump", vmid=120, storage="backup").data
    slow.lab.advance(1)
    assert slow.lab.guest(120).lock is None
    slow.lab.advance(120)
    assert slow.ended(first) == slow.ended(second) == "OK"
    ends = [e.vmid for e in slow.lab.effects if e.action == "backup"]
    assert ends == [100, 120]


def test_old_backups_are_pruned_when_asked(vm: Any) -> None:
    for _ in range(3):
        dump(vm, prune_backups="keep-last=2")
    assert len(vm.get(CONTENT, content="backup", vmid=300)) == 2


def test_restore_over_the_vm_brings_the_old_config_back(vm: Any) -> None:
    volid = dump(vm)
    mac = vm.get(f"{VM}/config")["net0"]
    vm("PUT", f"{VM}/config", description="mark two", cores=8, scsi1="local-lvm:3")
    vm.run("POST", f"{VM}/snapshot", snapname="later")
    there = vm("POST", "/nodes/pve1/qemu", vmid=300, archive=volid)
    assert there.reason == "unable to restore VM 300 - VM 300 already exists on node 'pve1'"
    vm.run("POST", f"{VM}/status/start")
    running = vm.run("POST", "/nodes/pve1/qemu", vmid=300, archive=volid, force=1)
    assert running == "unable to restore VM 300 - vm is running"
    vm.run("POST", f"{VM}/status/stop")
    assert vm.run("POST", "/nodes/pve1/qemu", vmid=300, archive=volid, force=1, cores=3) == "OK"
    back = vm.get(f"{VM}/config")
    assert (back["description"], back["cores"], back["net0"]) == ("mark one", 3, mac)
    assert "scsi1" not in back
    assert "lock" not in back
    assert [s["name"] for s in vm.get(f"{VM}/snapshot")] == ["current"]
    names = [v.volid for v in vm.lab.volumes() if v.vmid == 300 and v.content == "images"]
    assert names == ["local-lvm:vm-300-cloudinit", "local-lvm:vm-300-disk-0"]


def test_restore_to_a_new_vm_elsewhere(vm: Any) -> None:
    volid, mac = dump(vm), vm.get(f"{VM}/config")["net0"]
    params = {"vmid": 301, "archive": volid, "storage": "ceph", "unique": 1, "start": 1}
    assert vm.run("POST", "/nodes/pve2/qemu", **params) == "OK"
    guest = vm.lab.guest(301)
    assert (guest.node, guest.status) == ("pve2", "running")
    assert guest.config["scsi0"].startswith("ceph:vm-301-disk-0,")
    assert guest.config["net0"] != mac


def test_restore_refusals(vm: Any) -> None:
    volid = dump(vm)
    drive = vm("POST", "/nodes/pve1/qemu", vmid=301, archive=volid, scsi0="local-lvm:5")
    assert drive.errors == {"scsi0": "option conflicts with option 'archive'"}
    gone = vm(
        "POST", "/nodes/pve1/qemu", vmid=301, archive="backup:backup/vzdump-qemu-1-2020_01_01-00_00_00.vma"
    )
    assert gone.status == 500
    assert gone.reason.endswith("vzdump-qemu-1-2020_01_01-00_00_00.vma' does not exist")
    elsewhere = vm("POST", "/nodes/pve2/qemu", vmid=300, archive=volid, force=1)
    assert elsewhere.reason == "unable to restore VM 300 - VM 300 already exists on node 'pve1'"


def test_a_failed_restore_leaves_half_a_vm(vm: Any) -> None:
    volid = dump(vm)
    vm.lab.world.storages["ceph"]["active"] = 0
    ended = vm.run("POST", "/nodes/pve1/qemu", vmid=301, archive=volid, storage="ceph")
    assert "storage 'ceph' is not online" in ended
    assert vm.lab.guest(301).lock == "create"


def test_storages_and_isos(call: Any) -> None:
    isos = [v["volid"] for v in call.get("/nodes/pve2/storage/iso/content", content="iso")]
    assert "iso:iso/Debian-12.5.0-amd64-netinst.iso" in isos
    assert "iso:iso/myfile.iso" in isos
    images = {s["storage"] for s in call.get("/nodes/pve3/storage", content="images")}
    assert images == {"local-lvm", "ceph"}
    assert [s["storage"] for s in call.get("/nodes/pve1/storage", content="images", target="pve2")] == [
        "ceph"
    ]
    local = {v["volid"] for v in call.get("/nodes/pve2/storage/local-lvm/content")}
    assert "local-lvm:base-9000-disk-0" not in local
    bridges = [i["iface"] for i in call.get("/nodes/pve1/network", type="bridge")]
    assert bridges == ["vmbr0", "vmbr1"]


def test_an_unreachable_storage(call: Any) -> None:
    call.lab.world.storages["backup"]["active"] = 0
    answer = call("GET", CONTENT)
    assert (answer.status, answer.reason) == (500, "storage 'backup' is not online")
