"""The switches of the lab: quorum, the cleanup lock, high availability, file storage, CD drives, roles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kvmtui.lab import InjectedFault
from tests.lab.conftest import Client

VM = "/nodes/pve1/qemu/300"


@pytest.fixture
def vm(call: Client) -> Client:
    """A lab with a linked clone 300 on directory storage, from template 9100 with an empty CD drive."""
    call.lab.add_storage("disks", type="dir", content="images")
    call.lab.add_template(9100, "disks", cdrom=True)
    call.clone(300, source=9100)
    return call


def denied(text: str) -> bool:
    path = r"/etc/pve/nodes/pve1/qemu-server/\d+\.conf\.tmp\.\d+"
    return re.fullmatch(rf"unable to open file '{path}' - Permission denied", text) is not None


def test_each_part_reports_a_lost_quorum_in_its_own_words(vm: Client) -> None:
    vm.run("POST", f"{VM}/status/start")
    vm.lab.quorum(False)
    not_ready = "cluster not ready - no quorum?"
    assert vm("POST", "/nodes/pve1/qemu/9000/clone", newid=301).reason == not_ready
    assert vm("POST", "/nodes/pve2/qemu/105/status/start").reason == not_ready
    assert denied(vm("PUT", f"{VM}/config", cores=2).reason)
    assert denied(vm.run("POST", f"{VM}/config", cores=2))
    assert denied(vm.run("POST", f"{VM}/snapshot", snapname="one"))
    assert (
        vm("POST", f"{VM}/firewall/ipset", name="zz").reason == "cfs-lock 'firewall-vm-300' error: no quorum!"
    )
    upid = vm("POST", "/nodes/pve1/vzdump", vmid=300, storage="backup").data
    assert vm.ended(upid) == "job errors"
    assert "Permission denied" in vm.log(upid)
    assert vm.run("POST", f"{VM}/status/stop") == "OK"
    assert denied(vm.run("DELETE", VM))
    assert vm.get("/cluster/status")[0]["quorate"] == 0
    vm.lab.quorum(True)
    assert vm.run("DELETE", VM) == "OK"


def test_qm_cleanup_holds_the_config_lock_after_a_start(slow: Client) -> None:
    slow.lab.faults.add(InjectedFault("cleanup-lock", task="qmstart", vmid=105))
    node = "/nodes/pve2/qemu/105/status"
    started = slow("POST", f"{node}/start").data
    slow.lab.advance(9)
    assert slow.ended(started) == "OK"
    shutdown = slow("POST", f"{node}/shutdown").data
    slow.lab.advance(11)
    text = "can't lock file '/var/lock/qemu-server/lock-105.conf' - got timeout"
    assert slow.ended(shutdown) == text
    slow.lab.advance(20)
    assert slow("PUT", "/nodes/pve2/qemu/105/config", cores=2).status == 200


def test_the_ha_manager_acts_on_requests_some_seconds_later(slow: Client) -> None:
    slow.lab.ha_manage(100)
    stop = slow("POST", "/nodes/pve1/qemu/100/status/stop").data
    assert ":hastop:100:" in stop
    slow.lab.advance(1)
    assert slow.ended(stop) == "OK"
    assert slow.get("/nodes/pve1/qemu/100/status/current")["status"] == "running"
    slow.lab.advance(10)
    current = slow.get("/nodes/pve1/qemu/100/status/current")
    assert (current["status"], current["ha"]["state"]) == ("stopped", "stopped")
    assert ":hamigrate:100:" in slow("POST", "/nodes/pve1/qemu/100/migrate", target="pve2").data
    slow.lab.advance(20)
    guest = slow.lab.guest(100)
    assert guest is not None and guest.node == "pve2"


def test_the_ha_manager_moves_a_guest_before_a_chosen_call(call: Client) -> None:
    move = {"vmid": 100, "target": "pve3"}
    call.lab.faults.add(InjectedFault("foreign", action="ha-move", args=move, path="/qemu/100/config", nth=2))
    assert call("GET", "/nodes/pve1/qemu/100/config").status == 200
    call("GET", "/nodes/pve1/qemu/100/config")
    assert call("GET", "/nodes/pve1/qemu/100/config").status == 500
    assert call("GET", "/nodes/pve3/qemu/100/config").status == 200


def test_a_guest_in_an_error_state_of_ha_is_not_started_until_it_was_disabled(slow: Client) -> None:
    slow.lab.ha_manage(100, state="stopped")
    slow.lab.ha_stick(100, "error")
    assert slow.get("/nodes/pve1/qemu/100/status/current")["ha"]["state"] == "error"
    start = slow("POST", "/nodes/pve1/qemu/100/status/start").data
    slow.lab.advance(1)
    assert slow.ended(start) == "command 'ha-manager set vm:100 --state started' failed: exit code 255"
    refused = "service 'vm:100' in error state, must be disabled and fixed first"
    assert refused in slow.log(start)
    resource = "/cluster/ha/resources/vm:100"
    slow.lab.set_roles({"/": ["Sys.Console", "Sys.Audit"], "/vms": ["VM.Audit"]})
    assert slow("PUT", resource, state="started").reason == refused
    assert slow("PUT", resource, state="disabled").status == 200
    assert slow("PUT", resource, state="started").status == 200


def test_ha_leaves_a_guest_alone_while_its_node_is_fenced_and_acts_afterwards(slow: Client) -> None:
    slow.lab.ha_manage(100)
    slow.lab.ha_stick(100, "fence")
    slow("POST", "/nodes/pve1/qemu/100/status/stop")
    slow.lab.advance(20)
    assert slow.get("/nodes/pve1/qemu/100/status/current")["status"] == "running"
    slow.lab.ha_stick(100, "")
    slow.lab.advance(20)
    assert slow.get("/nodes/pve1/qemu/100/status/current")["status"] == "stopped"


def test_a_guest_that_ha_is_to_ignore_is_not_managed(call: Client) -> None:
    call.lab.ha_manage(100, state="ignored")
    assert call.get("/nodes/pve1/qemu/100/status/current")["ha"] == {"managed": 0}
    assert ":qmstop:100:" in call("POST", "/nodes/pve1/qemu/100/status/stop").data


def test_ha_rules_replaced_groups_in_9(start: Any) -> None:
    nine, eight = start(), start(version="8")
    assert nine("GET", "/cluster/ha/groups").reason == (
        "cannot index groups: ha groups have been migrated to rules"
    )
    assert nine.get("/cluster/ha/rules") == []
    assert eight.get("/cluster/ha/groups") == []
    nine.lab.ha_manage(100)
    assert nine.get("/cluster/ha/resources")[0]["sid"] == "vm:100"
    assert "service:vm:100" in [item["id"] for item in nine.get("/cluster/ha/status/current")]


def test_file_storage_makes_raw_disks_that_cannot_be_snapshotted(vm: Client) -> None:
    assert vm.run("POST", f"{VM}/snapshot", snapname="one") == "OK"
    vm("PUT", f"{VM}/config", scsi1="disks:1,format=qcow2")
    assert vm.run("POST", f"{VM}/snapshot", snapname="two") == "OK"
    vm("PUT", f"{VM}/config", scsi2="disks:1")
    assert vm.get(f"{VM}/config")["scsi2"] == "disks:300/vm-300-disk-2.raw,size=1G"
    assert vm.run("POST", f"{VM}/snapshot", snapname="three") == "snapshot feature is not available"


def test_a_cd_drive_is_not_hot_pluggable_but_its_medium_is(vm: Client) -> None:
    vm.run("POST", f"{VM}/status/start")
    vm("PUT", f"{VM}/config", ide0="iso:iso/myfile.iso,media=cdrom")
    assert vm.get(f"{VM}/config", current=1)["ide0"] == "iso:iso/myfile.iso,media=cdrom,size=51M"
    vm("PUT", f"{VM}/config", ide1="iso:iso/myfile.iso,media=cdrom")
    assert "ide1" not in vm.get(f"{VM}/config", current=1)
    assert vm.get(f"{VM}/config")["boot"].endswith(";ide1")
    vm("PUT", f"{VM}/config", delete="ide1")
    merged = vm.get(f"{VM}/config")
    assert "ide1" not in merged
    assert merged["boot"].endswith(";ide1")


@pytest.mark.parametrize(("version", "section"), [("9", 0), ("8", 1)])
def test_the_documented_role_is_that_of_the_page(start: Any, version: str, section: int) -> None:
    page = (Path(__file__).parents[2] / "docs" / "proxmox-role.md").read_text(encoding="utf-8")
    added = page.split("```sh")[1 + section].split("```")[0].replace("\\\n", " ")
    listed = {
        name: set(held.split()) for name, held in re.findall(r'role add (\w+) --privs "([^"]+)"', added)
    }
    call = start(version=version)
    call.lab.documented_role()
    held = call.get("/access/permissions")
    for path, role in (
        ("/", "KvmtuiNode"),
        ("/vms", "KvmtuiConsole"),
        ("/vms/9000", "KvmtuiTemplate"),
        ("/storage/local-lvm", "KvmtuiStore"),
        ("/storage/iso", "KvmtuiIso"),
        ("/sdn/zones/localnetwork/vmbr0", "KvmtuiNet"),
    ):
        assert set(held[path]) == listed[role], path


def test_the_documented_role_is_a_set_of_overriding_entries(call: Client) -> None:
    call.lab.documented_role()
    assert call("PUT", "/nodes/pve1/qemu/100/config", cores=2).status == 200
    refused = call("PUT", "/nodes/pve1/qemu/9000/config", cores=2)
    assert refused.reason.startswith("Permission check failed (/vms/9000, VM.Config.")
    assert call.run("POST", "/nodes/pve1/qemu/9000/clone", newid=301) == "OK"
    assert call("DELETE", "/nodes/pve2/storage/iso/content/iso:iso/myfile.iso").status == 403
