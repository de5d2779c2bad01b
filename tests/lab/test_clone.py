"""Cloning: what is copied, what is refused at once, what fails in the task, and what a clone leaves."""

from __future__ import annotations

from typing import Any

import pytest


def test_linked_clone(call: Any) -> None:
    mark = "kvmtui instance=1 vm=2"
    upid = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300, name="web", description=mark).data
    assert upid.split(":")[5:7] == ["qmclone", "9000"]
    assert call.ended(upid) == "OK"
    assert "creating a clone of VM 9000 with ID 300" in call.log(upid)
    source, clone = call.get("/nodes/pve1/qemu/9000/config"), call.get("/nodes/pve1/qemu/300/config")
    assert clone["scsi0"] == "local-lvm:vm-300-disk-0,discard=on,size=3G"
    assert clone["ide2"] == "local-lvm:vm-300-cloudinit,media=cdrom,size=4M"
    assert (clone["name"], clone["description"]) == ("web", mark)
    for key in ("net0", "smbios1", "vmgenid"):
        assert clone[key] != source[key]
    assert "template" not in clone
    assert "lock" not in clone
    assert [v.parent for v in call.lab.volumes() if v.volid == "local-lvm:vm-300-disk-0"] == [
        "base-9000-disk-0"
    ]


def test_full_clone_to_another_storage(call: Any) -> None:
    call.clone(301, full=1, storage="ceph")
    config = call.get("/nodes/pve1/qemu/301/config")
    assert config["name"] == "Copy-of-VM-debian-12-cloud"
    assert config["scsi0"].startswith("ceph:vm-301-disk-0,")
    assert config["ide2"].startswith("ceph:vm-301-cloudinit,")


def test_linked_clone_on_shared_storage_may_go_to_another_node(call: Any) -> None:
    call.clone(302, source=9010, target="pve3")
    assert call.lab.guest(302).node == "pve3"
    assert call.get("/nodes/pve3/qemu/302/config")["scsi0"].startswith("ceph:base-9010-disk-0/vm-302-disk-0,")


@pytest.mark.parametrize(
    ("node", "source", "params", "reason"),
    [
        ("pve1", 9000, {"storage": "ceph"}, "parameter 'storage' not allowed for linked clones"),
        ("pve1", 9000, {"format": "raw"}, "parameter 'format' not allowed for linked clones"),
        ("pve1", 9000, {"target": "pve2"}, "can't clone VM to node 'pve2' (VM uses local storage)"),
        (
            "pve1",
            9010,
            {"full": 1, "storage": "local-lvm", "target": "pve2"},
            "can't clone to non-shared storage 'local-lvm'",
        ),
        ("pve1", 9000, {"target": "pve9"}, "no such cluster node 'pve9'"),
        ("pve1", 9000, {"full": 1, "storage": "void"}, "storage 'void' does not exist"),
        ("pve2", 9000, {}, "unable to find configuration file for VM 9000 on node 'pve2'"),
        (
            "pve1",
            100,
            {"full": 0},
            "Linked clone feature is not supported for 'local-lvm:vm-100-disk-0' (scsi0)",
        ),
        ("pve1", 9000, {"snapname": "none"}, "snapshot 'none' does not exist"),
    ],
)
def test_refused_at_once(call: Any, node: str, source: int, params: dict[str, Any], reason: str) -> None:
    answer = call("POST", f"/nodes/{node}/qemu/{source}/clone", newid=300, **params)
    assert (answer.status, answer.reason) == (500, reason)
    assert call.lab.guest(300) is None


def test_a_storage_without_images_is_a_parameter_error(call: Any) -> None:
    answer = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300, full=1, storage="local")
    assert (answer.status, answer.errors) == (400, {"storage": "storage 'local' does not support vm images"})


def test_an_id_taken_on_the_same_node_is_refused_at_once(call: Any) -> None:
    answer = call("POST", "/nodes/pve1/qemu/9000/clone", newid=100)
    assert (answer.status, answer.reason) == (500, "unable to create VM 100: config file already exists")


def test_an_id_taken_on_another_node_fails_only_in_the_task(call: Any) -> None:
    ended = call.run("POST", "/nodes/pve1/qemu/9000/clone", newid=101)
    path = "/etc/pve/nodes/pve1/qemu-server/101.conf"
    assert ended == f"close (rename) atomic file '{path}' failed: File exists"
    assert call.lab.guest(101).name == "db.example.org"


def test_a_leftover_cloudinit_volume_undoes_the_clone(call: Any) -> None:
    call.clone(300)
    call.lab.foreign_config(300, ide2=None)
    volumes = {v.volid for v in call.lab.volumes()}
    assert call.run("DELETE", "/nodes/pve1/qemu/300") == "OK"
    assert {v.volid for v in call.lab.volumes()} == volumes - {"local-lvm:vm-300-disk-0"}
    ended = call.run("POST", "/nodes/pve1/qemu/9000/clone", newid=300)
    assert ended.startswith("clone failed: ")
    assert "already exists" in ended
    assert call.lab.guest(300) is None
    assert "local-lvm:vm-300-disk-0" not in {v.volid for v in call.lab.volumes()}


def test_while_it_runs_the_clone_is_locked_and_gets_its_name_with_its_first_disk(slow: Any) -> None:
    upid = slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300, name="web").data
    slow.lab.advance(0.1)
    assert slow.lab.guest(300).config == {"lock": "clone"}
    slow.lab.advance(2.6)
    assert slow.lab.guest(300).config["name"] == "web"
    assert slow.lab.guest(300).lock == "clone"
    slow.lab.advance(10)
    assert slow.ended(upid) == "OK"
    assert slow.lab.guest(300).lock is None


def test_the_templates_firewall_is_copied_and_a_stale_one_deleted(call: Any) -> None:
    call("POST", "/nodes/pve1/qemu/9000/firewall/rules", type="in", action="ACCEPT", enable=1)
    call("POST", "/nodes/pve1/qemu/300/firewall/ipset", name="stale")
    call.clone(300)
    assert [rule["action"] for rule in call.get("/nodes/pve1/qemu/300/firewall/rules")] == ["ACCEPT"]
    assert call.get("/nodes/pve1/qemu/300/firewall/ipset") == []


def test_template(call: Any) -> None:
    assert call.run("POST", "/nodes/pve2/qemu/105/template") == "OK"
    assert call.lab.guest(105).template
    assert "local-lvm:base-105-disk-0" in call.lab.guest(105).volumes
    again = call("POST", "/nodes/pve2/qemu/105/template")
    assert again.reason == "you can't convert a template to a template"
    running = call("POST", "/nodes/pve1/qemu/100/template")
    assert running.reason == "you can't convert a VM to template if VM is running"
    assert call.run("POST", "/nodes/pve1/qemu/9000/status/start") == "you can't start a vm if it's a template"


def test_next_id_is_text_and_reserves_nothing(call: Any) -> None:
    assert call.get("/cluster/nextid") == "102"
    assert call.get("/cluster/nextid") == "102"
    assert call.get("/cluster/nextid", vmid=218) == "218"
    taken = call("GET", "/cluster/nextid", vmid=2042)
    assert (taken.status, taken.errors) == (400, {"vmid": "VM 2042 already exists"})


def test_a_base_volume_in_use_protects_its_template(call: Any) -> None:
    call.clone(300)
    ended = call.run("DELETE", "/nodes/pve1/qemu/9000")
    assert ended == "base volume 'local-lvm:base-9000-disk-0' is still in use by linked cloned"
    assert call.lab.guest(9000) is not None
