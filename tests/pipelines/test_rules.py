"""Rules of single steps: what they keep, what they leave, what they never do twice."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from engine import naming
from engine.ipam.allocate import addresses_of_vm
from engine.pipelines.steps.crypt import sha512_crypt
from engine.pipelines.steps.disks import additional_key
from engine.proxmox.guest_values import GuestConfig
from engine.store import secrets
from engine.store.models import Outbox, Run, Service, Step, Vm
from engine.work.ports import DnsReport
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdummydummydummydummydummydummydummydummy op@example"


class OutboxMail:
    """The part of the mail package that matters here: one row per key, in the step's own transaction."""

    def queue(self, vm: Vm, template: str, key: str, context: Mapping[str, Any]) -> str:
        """Write the row."""
        Outbox.insert(
            uid=str(uuid.uuid4()), key=key, vm=vm.id, template=template, recipient="ops@acme.example"
        ).execute()
        return f"mail '{template}' queued"


class BrokenNames:
    """A DNS package with an error in it."""

    def sync(self, vm: Vm) -> DnsReport:
        """Break."""
        raise RuntimeError("a fault in DNS")

    def clear(self, vm: Vm) -> DnsReport:
        """Tell an error."""
        return DnsReport(("fwd ERR vm.example.com A @ example.com/PowerDNS: 503",), errors=1)


def notes(vm: Vm) -> list[str]:
    return [note for row in Step.select().order_by(Step.id) for note in row.notes]


def test_a_deploy_run_again_from_its_first_step_changes_nothing(site: Site) -> None:
    vm = site.walk(site.service())
    before, volumes = site.guest(vm), site.lab.volumes()
    site.lab.requests.clear()
    again = site.again(vm, vm_status="creation", flow={})
    assert (again.vm_status, again.vmid, again.mac) == ("ready", vm.vmid, vm.mac)
    # the password is the one thing Proxmox does not show, so it is sent; the same words again
    assert site.changing() == [("PUT", f"qemu/{vm.vmid}/config")]
    after = site.guest(vm)
    assert after.config == before.config and site.lab.volumes() == volumes
    results = [(step, result) for step, result, _ in site.steps(vm)]
    assert [step for step, result in results if result != "skip"] == ["set_dns", "set_cloudinit", "ready"]


def test_a_firmware_disk_is_not_taken_for_the_additional_disk() -> None:
    raw = {
        "scsi0": "local-lvm:vm-1-disk-1,size=3G",
        "efidisk0": "local-lvm:vm-1-disk-0,size=4M",
        "tpmstate0": "local-lvm:vm-1-disk-2,size=4M",
        "ide2": "local-lvm:vm-1-cloudinit,media=cdrom",
        "boot": "order=scsi0",
    }
    assert additional_key(GuestConfig(raw)) is None
    assert (
        additional_key(GuestConfig({**raw, "scsi10": "a:vm-1-disk-4", "scsi2": "a:vm-1-disk-3"})) == "scsi2"
    )


def test_a_products_zero_leaves_the_templates_limit_and_an_options_zero_takes_it_off(site: Site) -> None:
    site.lab.foreign_config(9000, scsi0="local-lvm:base-9000-disk-0,iops_rd=300,size=3G")
    product = site.product(system_disk={"storage": "local-lvm", "size": 10, "mbps_wr": 50})
    vm = site.walk(site.service(product))
    assert "iops_rd=300" in site.guest(vm).config["scsi0"] and "mbps_wr=50" in site.guest(vm).config["scsi0"]
    Service.update(options={"system_disk_iops_rd": 0, "system_disk_mbps_wr": 0}).where(
        Service.id == vm.service_id
    ).execute()
    site.ask(vm, "ChangePackage")
    site.walk(vm)
    assert "iops_rd" not in site.guest(vm).config["scsi0"] and "mbps_wr" not in site.guest(vm).config["scsi0"]


def test_a_package_without_an_additional_disk_keeps_the_one_there_is(site: Site) -> None:
    vm = site.walk(site.service())
    Service.update(options={"additional_disk": 0}).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    site.walk(vm)
    assert "size=5G" in site.guest(vm).config["scsi1"]
    why = "the product has no additional disk; scsi1 is kept, with its data"
    assert ("cp_additional_disk", "skip", why) in site.steps(vm)


def test_an_allocation_whose_answer_was_lost_is_not_made_twice(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="lost", method="POST", path=r"/qemu/5000/config$"))
    vm = site.walk(site.service())
    assert vm.vm_status == "ready"
    disks = [one.volid for one in site.lab.volumes() if f"vm-{vm.vmid}-disk-" in one.volid]
    assert len(disks) == 2


def test_an_address_is_given_up_only_after_the_set_has_lost_it(site: Site) -> None:
    vm = site.walk(site.service(site.product(network={"ipv4": 2})))
    assert site.anti_spoofing(vm) == ["192.168.130.10", "192.168.130.11"]
    Service.update(options={"ipv4": 1}).where(Service.id == vm.service_id).execute()
    site.lab.faults.add(
        InjectedFault(kind="status", method="GET", path="/firewall/", code=500, text="no", count=0)
    )
    site.ask(vm, "ChangePackage")
    stuck = site.walk(vm)
    assert stuck.error and len(addresses_of_vm(stuck)) == 2
    site.lab.faults.clear()
    assert site.again(vm).vm_status == "ready"
    assert site.anti_spoofing(vm) == ["192.168.130.10"] and len(addresses_of_vm(vm)) == 1


def test_a_new_family_reaches_the_cloud_init_drive(site: Site) -> None:
    vm = site.walk(site.service())
    password = site.guest(vm).config["cipassword"]
    Service.update(options={"ipv6": 1}).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    site.walk(vm)
    config = site.guest(vm).config
    assert config["ipconfig0"].endswith("ip6=2001:db8::10/64") and config["cipassword"] == password
    assert site.anti_spoofing(vm) == ["192.168.130.10", "2001:db8::10"]


def test_with_dhcp_nothing_is_allocated_and_no_set_written(site: Site) -> None:
    vm = site.walk(site.service(site.product(network={"dhcp4": True})))
    assert (vm.vm_status, addresses_of_vm(vm), site.anti_spoofing(vm)) == ("ready", [], None)
    assert site.guest(vm).config["ipconfig0"] == "ip=dhcp"


def test_anti_spoofing_off_takes_our_set_away(site: Site) -> None:
    product = site.product()
    vm = site.walk(site.service(product))
    assert site.anti_spoofing(vm) == ["192.168.130.10"]
    product.spec = {**product.spec, "firewall": {"antispoof": False}}
    product.save()
    site.ask(vm, "Set Firewall")
    site.walk(vm)
    assert site.anti_spoofing(vm) is None


def test_a_cluster_without_its_firewall_is_reported(site: Site) -> None:
    site.lab.world.firewall_config("cluster")["options"] = {"enable": 0}
    vm = site.walk(site.service())
    assert any("the cluster's own firewall is switched off" in note for note in notes(vm))


def test_cloud_init_carries_keys_and_names_what_it_has_no_room_for(site: Site) -> None:
    product = site.product(os_user="debian", ssh_keys=[KEY], network={"ipv4": 3})
    vm = site.walk(site.service(product))
    config = site.guest(vm).config
    assert config["ciuser"] == "debian" and "ssh-ed25519%20AAAA" in config["sshkeys"]
    assert config["searchdomain"] == "example.com"
    line = "further addresses are to be set up inside the guest: 192.168.130.11, 192.168.130.12"
    assert notes(vm).count(line) == 1


def test_the_password_is_strong_kept_sealed_and_sent_as_its_hash(site: Site) -> None:
    vm = site.walk(site.service())
    clear = secrets.unseal(vm.os_password, "vm", vm.uid, "os_password")
    sent = site.guest(vm).config["cipassword"]
    assert len(clear) >= 20 and clear not in vm.os_password
    assert sha512_crypt(clear, sent.split("$")[2]) == sent


def test_windows_gets_the_password_itself(site: Site) -> None:
    vm = site.walk(site.service(site.product(template=9003, system_disk={}, memory=4096)))
    clear = secrets.unseal(vm.os_password, "vm", vm.uid, "os_password")
    assert (vm.vm_status, site.guest(vm).config["cipassword"]) == ("ready", clear)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("x", "$6$ab$jnZj29NS/hK2GaouP6AGMIBwD6owZFRejcn9QRdlwSjZaVr.fR9dH2TXrKL/PaacUXwtGfI.4O9zxvy2k6fbE1"),
        (
            "Hello world!",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
    ],
)
def test_the_hash_is_the_one_of_etc_shadow(word: str, known: str) -> None:
    assert sha512_crypt(word, known.split("$")[2]) == known


def test_mail_goes_out_once_per_deploy_and_not_when_it_is_off(site: Site) -> None:
    site.walker.contexts.ports.mail = OutboxMail()
    vm = site.walk(site.service())
    assert [row.template for row in Outbox.select()] == ["ready"]
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    site.walk(vm)
    assert [row.template for row in Outbox.select().order_by(Outbox.id)] == ["ready", "changed"]
    site.walk(site.service(site.product(emails={"ready": False})))
    assert Outbox.select().count() == 2


def test_dns_never_stops_a_pipeline(site: Site) -> None:
    site.walker.contexts.ports.names = BrokenNames()
    vm = site.walk(site.service())
    assert vm.vm_status == "ready" and any("DNS ERR" in note for note in notes(vm))
    vm = site.again(vm, vm_status="terminate", flow={})
    assert vm.vm_status == "remove" and "fwd ERR vm.example.com A @ example.com/PowerDNS: 503" in notes(vm)
    assert any("1 DNS record is pending and retried automatically" in note for note in notes(vm))


def test_a_clone_cut_short_names_the_command_that_helps_and_continues_after_it(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="task-killed", task="qmclone", seconds=0.5))
    vm = site.walk(site.service())
    for _ in range(2):
        assert vm.vm_status == "set_ip" and f"qm unlock {vm.vmid}" in vm.error
        vm = site.again(vm)
    site.lab.foreign_lock(vm.vmid, "")
    site.lab.foreign_delete(vm.vmid)
    assert site.again(vm).vm_status == "ready"


def test_a_package_change_leaves_a_suspended_service_off(site: Site) -> None:
    vm = site.walk(site.service())
    site.ask(vm, "Suspend")
    site.walk(vm)
    Service.update(options={"cores": 4}).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    vm = site.walk(vm)
    assert (vm.vm_status, site.guest(vm).status, site.guest(vm).config["cores"]) == ("ready", "stopped", 4)
    assert Service.get().status == "Suspended"


def test_a_command_without_a_vm_says_so(site: Site) -> None:
    vm = site.service()
    Vm.update(vm_status="ready").where(Vm.id == vm.id).execute()
    site.ask(vm, "Start")
    site.walk(vm)
    assert Run.get().error.startswith("the VM is not on Proxmox")
    site.ask(vm, "Suspend")
    site.walk(vm)
    assert Service.get().status == "Suspended"


def test_a_reboot_waits_for_a_lock_and_is_done_once(site: Site) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_lock(vm.vmid, "backup")
    site.ask(vm, "Reboot")
    assert site.once(vm).wait_kind == "lock"
    site.lab.foreign_lock(vm.vmid, "")
    site.lab.requests.clear()
    site.once(vm)
    assert site.walk(vm).error == ""
    assert site.changing() == [("POST", f"qemu/{vm.vmid}/status/reboot")]


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        ("{client_id}-{service_id}", "3-5546"),
        ("VM_{service_id}.x", "vm-5546-x"),
        ("{unknown}-{service_id}", "unknown--5546"),
        ("---", "vm-5546"),
    ],
)
def test_names_follow_their_rule(rule: str, made: str) -> None:
    assert naming.vm_name(rule, client_id=3, service_id=5546) == made


def test_two_vms_of_a_server_never_share_a_name(site: Site) -> None:
    product = site.product(name_rule="web")
    first, second = site.walk(site.service(product)), site.walk(site.service(product))
    assert (first.name, second.name) == ("web", f"web-{second.service_id}")
    assert site.guest(second).name == second.name
