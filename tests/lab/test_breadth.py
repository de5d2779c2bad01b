"""What real nodes answer beside the calls kvmtui makes: HTTP itself, directories, suspending, moving disks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.conftest import Client

VM = "/nodes/pve1/qemu/300"


@pytest.fixture
def vm(call: Client) -> Client:
    """A lab with a linked clone 300."""
    call.clone(300)
    return call


def raw(call: Client, method: str, path: str, **options: Any) -> Any:
    """An answer to a request outside of the JSON format."""
    return call.session.request(method, call.lab.url + path, timeout=20, **options)


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("HEAD", "/api2/json/version", 501, "method 'HEAD' not available"),
        ("OPTIONS", "/api2/json/version", 501, "method 'OPTIONS' not available"),
        ("GET", "/api2", 501, "no such uri"),
        ("GET", "/api2/foo/version", 501, "no formatter for uri /version, foo"),
        ("GET", "/api2/json/version/", 200, "OK"),
        ("GET", "/api2/json//version?_dc=7", 200, "OK"),
        ("GET", "/api2/extjs/nope", 200, "OK"),
    ],
)
def test_http_below_the_api(call: Client, method: str, path: str, status: int, reason: str) -> None:
    answer = raw(call, method, path)
    assert (answer.status_code, answer.reason) == (status, reason)


def test_bodies_that_are_not_read(call: Client) -> None:
    path = "/api2/json/nodes/pve1/qemu/100/config"
    text = raw(call, "PUT", path, data="cores=2", headers={"Content-Type": "text/plain"})
    assert (text.status_code, text.reason) == (506, "upload 'Content-Type 'text/plain' not implemented")
    broken = raw(call, "PUT", path, data="{", headers={"Content-Type": "application/json"})
    assert broken.status_code == 500 and broken.reason.startswith("malformed JSON string")
    extra = raw(call, "GET", path, data="x=1")
    assert (extra.status_code, extra.text) == (501, "Unexpected content for method 'GET'")
    assert raw(call, "PUT", path, json={"cores": 2, "onboot": True}).status_code == 200
    assert raw(call, "PUT", f"{path}?cores=3", data={"cores": 4}).status_code == 200
    assert call.get("/nodes/pve1/qemu/100/config")["cores"] == 3


def test_a_parameter_that_contradicts_the_path(call: Client) -> None:
    answer = call("GET", "/nodes/pve1/qemu/100/config", vmid=101)
    assert answer.errors == {"vmid": "duplicate parameter (already defined in URI) with conflicting values!"}


def test_rights_come_before_the_node_and_parameters_after_it(call: Client) -> None:
    assert call("GET", "/nodes/nope/qemu/x/config").reason.startswith("hostname lookup 'nope' failed")
    call.lab.revoke("VM.Audit", "/vms/999")
    assert call("GET", "/nodes/nope/qemu/999/config").status == 403
    assert call("PUT", "/access/password", userid="a@pve", password="longenough").status == 403


@pytest.mark.parametrize(
    ("path", "key", "some"),
    [
        ("/", "subdir", {"version", "nodes", "pools"}),
        ("/nodes/pve1", "name", {"qemu", "storage", "tasks"}),
        (VM, "subdir", {"config", "firewall", "snapshot"}),
        (f"{VM}/status", "subdir", {"current", "start", "suspend"}),
        (f"{VM}/snapshot/any/", "cmd", {"rollback", "config"}),
        (f"{VM}/firewall", "name", {"rules", "ipset", "options"}),
        ("/nodes/pve1/storage/local", "subdir", {"content", "status"}),
        ("/cluster/ha", "id", {"resources", "rules", "status"}),
    ],
)
def test_a_directory_lists_what_is_below_it(call: Client, path: str, key: str, some: set[str]) -> None:
    items = call.get(path)
    assert all(list(item) == [key] for item in items)
    assert some <= {item[key] for item in items}


def test_version_8_lacks_what_came_with_9(start: Any) -> None:
    eight = start(version="8")
    assert eight("GET", "/cluster/ha/rules").status == 501
    assert {"id": "rules"} not in eight.get("/cluster/ha")
    assert eight("POST", "/nodes/pve1/vzdump", vmid=100, storage="backup", maxfiles=1).status == 200


def test_suspending_to_disk_and_back(vm: Client) -> None:
    assert vm("POST", f"{VM}/status/suspend").reason == "VM 300 not running"
    vm.run("POST", f"{VM}/status/start")
    paused = vm("POST", f"{VM}/status/suspend").data
    assert ":qmpause:300:" in paused and vm.ended(paused) == "OK"
    assert vm.get(f"{VM}/status/current")["qmpstatus"] == "paused"
    assert vm("POST", f"{VM}/status/shutdown").reason == "VM is paused - cannot shutdown"
    assert vm.run("POST", f"{VM}/status/resume") == "OK"
    assert ":qmsuspend:300:" in (upid := vm("POST", f"{VM}/status/suspend", todisk=1).data)
    assert vm.ended(upid) == "OK"
    config = vm.get(f"{VM}/config")
    assert config["lock"] == "suspended"
    assert config["vmstate"].startswith("local-lvm:vm-300-state-suspend-")
    assert vm("PUT", f"{VM}/config", cores=2).reason == "VM is locked (suspended)"
    assert vm.run("POST", f"{VM}/status/resume") == "OK"
    assert "vmstate" not in vm.get(f"{VM}/config")
    assert not [v for v in vm.lab.volumes() if "state-suspend" in v.volid]


def test_moving_a_disk(vm: Client) -> None:
    path = f"{VM}/move_disk"
    assert vm("POST", path, disk="scsi0").status == 400
    assert vm("POST", path, disk="scsi9", storage="ceph").reason == "disk 'scsi9' does not exist"
    same = vm("POST", path, disk="scsi0", storage="local-lvm")
    assert same.reason == "you can't move to the same storage with same format"
    assert vm.run("POST", path, disk="scsi0", storage="ceph", delete=1) == "OK"
    assert vm.get(f"{VM}/config")["scsi0"].startswith("ceph:vm-300-disk-0,")
    vm.clone(301)
    vm("PUT", f"{VM}/config", scsi1="local-lvm:1")
    upid = vm("POST", path, disk="scsi1", **{"target-vmid": 301}).data
    assert "qmmove:300-scsi1>301-scsi1:" in upid and vm.ended(upid) == "OK"
    assert "scsi1" not in vm.get(f"{VM}/config")
    assert vm.get("/nodes/pve1/qemu/301/config")["scsi1"].startswith("local-lvm:vm-301-disk-1,")


def test_a_new_guest_has_no_charts_yet(slow: Client) -> None:
    upid = slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300).data
    slow.lab.advance(5)
    assert slow.ended(upid) == "OK"
    young = slow("GET", f"{VM}/rrddata", timeframe="hour")
    assert young.status == 500
    assert young.reason.endswith("opening '/var/lib/rrdcached/db/pve-vm-9.0/300': No such file or directory")
    slow.lab.advance(10)
    assert slow("GET", f"{VM}/rrddata", timeframe="hour").status == 200


def test_a_task_that_just_ended_is_still_active(slow: Client) -> None:
    upid = slow("POST", "/nodes/pve1/qemu/100/status/reset").data
    slow.lab.advance(0.1)
    active = slow.get("/nodes/pve1/tasks", source="active")
    assert [task["upid"] for task in active] == [upid]
    assert active[0]["user"] == slow.lab.token_id and "tokenid" not in active[0]
    assert (active[0]["status"], active[0]["saved"]) == ("OK", "0")
    assert slow.get("/nodes/pve1/tasks") == []
    slow.lab.advance(1)
    assert slow.get("/nodes/pve1/tasks", source="active") == []
    assert slow.get("/nodes/pve1/tasks")[0]["tokenid"] == "lab"


def test_a_start_fails_where_the_bridge_is_missing(start: Any) -> None:
    for version, ending in (
        ("9", "bridge 'vmbr77' does not exist"),
        ("8", "start failed: QEMU exited with code 1"),
    ):
        call = start(version=version)
        call("PUT", "/nodes/pve2/qemu/105/config", net0="virtio,bridge=vmbr77")
        upid = call("POST", "/nodes/pve2/qemu/105/status/start").data
        assert call.ended(upid) == ending
        assert "bridge 'vmbr77' does not exist" in call.log(upid)


def test_rights_of_the_newest_versions(start: Any) -> None:
    call = start(version="9.2.11")
    call.lab.foreign_config(9000, cpu="custom-fast")
    call.lab.revoke("Mapping.Use")
    clone = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300)
    assert clone.reason == "Permission check failed (/mapping/cpu/fast, Mapping.Use)"
    call.lab.revoke("Sys.Modify")
    stop = call("POST", "/nodes/pve1/vzdump", vmid=100, storage="backup", stop=1)
    assert stop.reason == "Permission check failed (/nodes/pve1, Sys.Modify)"
    call.lab.revoke("VM.Config.Options", "/vms/301")
    tags = call("POST", "/nodes/pve1/qemu", vmid=301, tags="a")
    assert tags.reason == "Permission check failed (/vms/301, VM.Config.Options)"


def test_sizes_may_be_approximate(call: Client) -> None:
    call.lab.add_storage("roughly", type="dir", content="images", approximate=True)
    call.lab.add_template(9100, "roughly")
    sizes = call.get("/nodes/pve1/storage/roughly/content")
    assert sizes and all("size" not in item and item["approximate-size"] for item in sizes)
