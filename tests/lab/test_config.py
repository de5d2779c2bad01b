"""Config writes: what is checked, what is written back, what waits for a start, and what happens to disks."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmB0V0c8y0X0m5Zl1W8bqz3m1XQyQyQyQyQyQyQyQyQ alice@example.com"
NO_IP = "invalid format - format error\nipconfig0.ip: missing property required by 'ipconfig0.gw'\n"
VM = "/nodes/pve1/qemu/300"


@pytest.fixture
def vm(call: Any) -> Any:
    call.clone(300)
    return call


def config(call: Any) -> dict[str, Any]:
    return dict(call.get(f"{VM}/config"))


@pytest.mark.parametrize(
    ("params", "status", "reason", "errors"),
    [
        ({}, 500, "no options specified", {}),
        ({"digest": "0" * 40, "cores": 2}, 500, "checksum mismatch (file change by other user?)", {}),
        ({"scsi1": "local-lvm:vm-300-disk-7"}, 500, "volume 'local-lvm:vm-300-disk-7' does not exist", {}),
        ({"ide0": "local-lvm:cloudinit"}, 500, "ide0 - cloud-init drive is already attached at 'ide2'", {}),
        ({"scsi1": "void:5"}, 500, "storage 'void' does not exist", {}),
        (
            {"scsi1": "local:5"},
            400,
            "Parameter verification failed.",
            {"storage": "storage 'local' does not support vm images"},
        ),
        (
            {"sshkeys": KEY},
            400,
            "Parameter verification failed.",
            {"sshkeys": f"invalid format - invalid urlencoded string: {KEY}\n"},
        ),
        ({"sshkeys": "hello"}, 500, "SSH public key validation error", {}),
        (
            {"ipconfig0": "gw=192.0.2.1"},
            400,
            "Parameter verification failed.",
            {"ipconfig0": NO_IP},
        ),
        (
            {"boot": "order=scsi7"},
            500,
            "invalid bootorder: device 'scsi7' does not exist'",
            {},
        ),
        (
            {"ide3": "iso:iso/myfile.iso"},
            400,
            "Parameter verification failed.",
            {"ide3": "explicit 'media=cdrom' is required for iso images"},
        ),
    ],
)
def test_refusals(vm: Any, params: dict[str, Any], status: int, reason: str, errors: dict[str, str]) -> None:
    before = config(vm)
    answer = vm("PUT", f"{VM}/config", **params)
    assert (answer.status, answer.reason, answer.errors) == (status, reason, errors)
    assert config(vm) == before


def test_plain_values_are_written_and_the_digest_moves(vm: Any) -> None:
    digest = config(vm)["digest"]
    assert vm("PUT", f"{VM}/config", cores=4, memory=2048, name="web", digest=digest).data is None
    after = config(vm)
    assert (after["cores"], after["memory"], after["name"]) == (4, "2048", "web")
    assert after["digest"] != digest
    vm("PUT", f"{VM}/config", delete="cores")
    assert "cores" not in config(vm)


def test_a_locked_config_is_not_written(vm: Any) -> None:
    vm.lab.foreign_lock(300, "migrate")
    for method in ("PUT", "POST"):
        assert vm(method, f"{VM}/config", cores=2).reason == "VM is locked (migrate)"


def test_allocating_twice_allocates_twice(vm: Any) -> None:
    vm("PUT", f"{VM}/config", scsi1="local-lvm:5,iops_rd=100,discard=on")
    assert config(vm)["scsi1"] == "local-lvm:vm-300-disk-1,discard=on,iops_rd=100,size=5G"
    vm("PUT", f"{VM}/config", scsi1="local-lvm:5")
    after = config(vm)
    assert after["scsi1"] == "local-lvm:vm-300-disk-2,size=5G"
    assert after["unused0"] == "local-lvm:vm-300-disk-1"


def test_writing_a_drive_replaces_its_options_but_not_its_size(vm: Any) -> None:
    vm("PUT", f"{VM}/config", scsi0="local-lvm:vm-300-disk-0,mbps_rd=50,size=1G")
    assert config(vm)["scsi0"] == "local-lvm:vm-300-disk-0,mbps_rd=50,size=3G"


def test_detaching_keeps_the_data_until_it_is_deleted(vm: Any) -> None:
    vm("PUT", f"{VM}/config", scsi1="local-lvm:5")
    vm("PUT", f"{VM}/config", delete="scsi1")
    assert config(vm)["unused0"] == "local-lvm:vm-300-disk-1"
    vm("PUT", f"{VM}/config", scsi2="local-lvm:vm-300-disk-1")
    assert "unused0" not in config(vm)
    assert config(vm)["scsi2"] == "local-lvm:vm-300-disk-1,size=5G"
    vm("PUT", f"{VM}/config", delete="scsi2")
    vm("PUT", f"{VM}/config", delete="unused0")
    assert "unused0" not in config(vm)
    assert "local-lvm:vm-300-disk-1" not in [v.volid for v in vm.lab.volumes()]


def test_force_deletes_the_data_at_once(vm: Any) -> None:
    vm("PUT", f"{VM}/config", scsi1="local-lvm:5")
    vm("PUT", f"{VM}/config", delete="scsi1", force=1)
    assert "unused0" not in config(vm)
    assert "local-lvm:vm-300-disk-1" not in [v.volid for v in vm.lab.volumes()]


def test_the_cloudinit_drive_is_freed_and_created_again(vm: Any) -> None:
    vm("PUT", f"{VM}/config", delete="ide2")
    assert "local-lvm:vm-300-cloudinit" not in [v.volid for v in vm.lab.volumes()]
    vm("PUT", f"{VM}/config", ide2="local-lvm:cloudinit")
    assert config(vm)["ide2"] == "local-lvm:vm-300-cloudinit,media=cdrom,size=4M"


def test_an_iso_is_mounted_and_taken_out(vm: Any) -> None:
    vm("PUT", f"{VM}/config", ide3="iso:iso/myfile.iso,media=cdrom")
    assert config(vm)["ide3"] == "iso:iso/myfile.iso,media=cdrom,size=51M"
    vm("PUT", f"{VM}/config", ide3="none,media=cdrom")
    assert config(vm)["ide3"] == "none,media=cdrom"
    assert "iso:iso/myfile.iso" in [v.volid for v in vm.lab.volumes()]


def test_a_card_without_mac_gets_a_new_one_each_time(vm: Any) -> None:
    seen = set()
    for _ in range(2):
        vm("PUT", f"{VM}/config", net0="virtio,bridge=vmbr0,rate=12.5,tag=100")
        seen.add(config(vm)["net0"])
    assert len(seen) == 2
    kept = "virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,rate=12.5"
    vm("PUT", f"{VM}/config", net0=kept)
    assert config(vm)["net0"] == kept


def test_a_bridge_needs_its_own_right(vm: Any) -> None:
    vm.lab.revoke("SDN.Use", "/sdn/zones/localnetwork/vmbr1")
    answer = vm("PUT", f"{VM}/config", net0="virtio,bridge=vmbr1,tag=7")
    text = "Permission check failed (/sdn/zones/localnetwork/vmbr1/7, SDN.Use)"
    assert (answer.status, answer.reason) == (403, text)


@pytest.mark.parametrize(
    ("params", "privilege"),
    [
        ({"cores": 2}, "VM.Config.CPU"),
        ({"memory": 512}, "VM.Config.Memory"),
        ({"scsi1": "local-lvm:1"}, "VM.Config.Disk"),
        ({"ide3": "none,media=cdrom"}, "VM.Config.CDROM"),
        ({"ciuser": "a"}, "VM.Config.Cloudinit|VM.Config.Network"),
        ({"ipconfig0": "ip=dhcp"}, "VM.Config.Cloudinit|VM.Config.Network"),
        ({"boot": "order=scsi0"}, "VM.Config.Disk"),
        ({"tags": "a"}, "VM.Config.Options"),
        ({"serial1": "socket"}, "VM.Config.HWType"),
        ({"description": "x"}, "VM.Config.Options"),
        ({"net1": "virtio,bridge=vmbr0"}, "VM.Config.Network"),
        ({"scsihw": "lsi"}, "VM.Config.HWType"),
    ],
)
def test_each_key_needs_its_right(vm: Any, params: dict[str, Any], privilege: str) -> None:
    for one in privilege.split("|"):
        vm.lab.revoke(one, "/vms/300")
    answer = vm("PUT", f"{VM}/config", **params)
    assert (answer.status, answer.reason) == (403, f"Permission check failed (/vms/300, {privilege})")


def test_the_password_never_shows(vm: Any) -> None:
    vm("PUT", f"{VM}/config", cipassword="secret-word", ciuser="admin", sshkeys=quote(KEY, safe=""))
    shown = config(vm)
    assert shown["cipassword"] == "**********"
    assert shown["sshkeys"] == quote(KEY, safe="")
    kept = vm.lab.guest(300).config["cipassword"]
    assert kept.startswith("$5$")
    assert "secret-word" not in kept
    dump = vm.get(f"{VM}/cloudinit/dump", type="user")
    assert "user: admin" in dump
    assert KEY in dump
    assert "secret-word" not in dump
    vm("PUT", f"{VM}/config", cipassword="$6$salt$alreadyhashed")
    assert vm.lab.guest(300).config["cipassword"] == "$6$salt$alreadyhashed"


def test_cloudinit_shows_what_the_next_generation_changes(vm: Any) -> None:
    vm.run("POST", f"{VM}/status/start")
    vm("PUT", f"{VM}/config", ipconfig0="ip=192.0.2.9/24,gw=192.0.2.1", ciuser="admin")
    assert vm.get(f"{VM}/config", current=1)["ciuser"] == "admin"
    assert vm.get(f"{VM}/cloudinit") == [{"key": "ciuser", "pending": "admin"}]
    assert vm("PUT", f"{VM}/cloudinit").data is None
    assert vm.get(f"{VM}/cloudinit") == [{"key": "ciuser", "value": "admin"}]
    vm("PUT", f"{VM}/config", ciuser="root")
    assert vm.get(f"{VM}/cloudinit") == [{"key": "ciuser", "value": "admin", "pending": "root"}]
    vm("PUT", f"{VM}/config", delete="ciuser")
    assert vm.get(f"{VM}/cloudinit") == [{"key": "ciuser", "delete": 1}]
    assert "address: '192.0.2.9'\n        netmask: '255.255.255.0'" in vm.get(
        f"{VM}/cloudinit/dump", type="network"
    )
    assert vm.get(f"{VM}/cloudinit/dump", type="meta").startswith("instance-id: ")


def test_a_running_vm_keeps_slow_changes_pending_until_it_starts_again(vm: Any) -> None:
    vm.run("POST", f"{VM}/status/start")
    vm(
        "PUT",
        f"{VM}/config",
        cores=4,
        description="now",
        scsi0="local-lvm:vm-300-disk-0,discard=on,iops_wr=9",
    )
    assert vm.get(f"{VM}/config")["cores"] == 4
    current = vm.get(f"{VM}/config", current=1)
    assert current["cores"] == 1
    assert current["description"] == "now"
    assert "iops_wr=9" in current["scsi0"]
    entry = next(e for e in vm.get(f"{VM}/pending") if e["key"] == "cores")
    assert entry == {"key": "cores", "value": 1, "pending": 4}
    vm.run("POST", f"{VM}/status/stop")
    vm.run("POST", f"{VM}/status/start")
    assert vm.get(f"{VM}/config", current=1)["cores"] == 4


def test_post_is_a_task_and_its_errors_are_its_end(vm: Any) -> None:
    assert vm.run("POST", f"{VM}/config", scsi1="local-lvm:5") == "OK"
    assert config(vm)["scsi1"] == "local-lvm:vm-300-disk-1,size=5G"
    assert vm.run("POST", f"{VM}/config", scsi2="local-lvm:vm-300-disk-9") == (
        "volume 'local-lvm:vm-300-disk-9' does not exist"
    )


def test_create_and_destroy(call: Any) -> None:
    params = {"scsi0": "local-lvm:4", "net0": "virtio,bridge=vmbr0", "cores": 2, "name": "fresh"}
    assert call.run("POST", "/nodes/pve2/qemu", vmid=500, **params) == "OK"
    made = call.get("/nodes/pve2/qemu/500/config")
    assert made["scsi0"] == "local-lvm:vm-500-disk-0,size=4G"
    assert made["boot"] == "order=scsi0;net0"
    taken = call("POST", "/nodes/pve1/qemu", vmid=500)
    assert taken.reason == "unable to create VM 500 - VM 500 already exists on node 'pve2'"
    call("PUT", "/nodes/pve2/qemu/500/config", protection=1)
    refused = call("DELETE", "/nodes/pve2/qemu/500")
    assert refused.reason == "can't remove VM 500 - protection mode enabled"
    call("PUT", "/nodes/pve2/qemu/500/config", protection=0)
    call.run("POST", "/nodes/pve2/qemu/500/status/start")
    assert call("DELETE", "/nodes/pve2/qemu/500").reason == "VM 500 is running - destroy failed"
    call.run("POST", "/nodes/pve2/qemu/500/status/stop")
    call("POST", "/nodes/pve2/qemu/500/firewall/ipset", name="ipfilter-net0")
    assert call.run("DELETE", "/nodes/pve2/qemu/500", purge=1) == "OK"
    assert call.lab.guest(500) is None
    assert not [v for v in call.lab.volumes() if v.vmid == 500]
    assert call.get("/nodes/pve2/qemu/500/firewall/ipset") == []


def test_a_disk_that_cannot_be_freed_is_only_a_warning(call: Any) -> None:
    call.clone(300, full=1, storage="ceph")
    call.lab.world.storages["ceph"]["active"] = 0
    assert call.run("DELETE", "/nodes/pve1/qemu/300") == "WARNINGS: 2"
    assert call.lab.guest(300) is None
    assert "ceph:vm-300-disk-0" in [v.volid for v in call.lab.volumes()]


@pytest.mark.parametrize(
    ("size", "ended", "shown"),
    [
        ("10G", "OK", "10G"),
        ("+2G", "OK", "5G"),
        ("3G", "OK", "3G"),
        ("2G", "shrinking disks is not supported", "3G"),
        ("4294967296", "OK", "4G"),
    ],
)
def test_resize(vm: Any, size: str, ended: str, shown: str) -> None:
    assert vm.run("PUT", f"{VM}/resize", disk="scsi0", size=size) == ended
    assert config(vm)["scsi0"].endswith(f"size={shown}")


def test_resize_refusals(vm: Any) -> None:
    assert vm.run("PUT", f"{VM}/resize", disk="scsi9", size="5G") == "disk 'scsi9' does not exist"
    assert vm.run("PUT", f"{VM}/resize", disk="ide2", size="5G") == "you can't resize a cdrom"
    assert vm("PUT", f"{VM}/resize", disk="scsi0", size="huge").status == 400
    vm.lab.foreign_lock(300, "backup")
    assert vm.run("PUT", f"{VM}/resize", disk="scsi0", size="5G") == "VM is locked (backup)"


def test_a_clone_needs_the_right_to_make_the_new_vm(call: Any) -> None:
    call.lab.revoke("VM.Allocate", "/vms/300")
    answer = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300)
    assert (answer.status, answer.reason) == (403, "Permission check failed")
