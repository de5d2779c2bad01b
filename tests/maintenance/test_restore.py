"""A restore ends as the product says, whatever the backup contains; a failed one says how to continue."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.actions import maintenance, packages, vms
from engine.errors import Refused
from engine.mail.outbox import SiteMail
from engine.proxmox.guest import Guest
from engine.proxmox.journal import SilentRecorder
from engine.proxmox.mark import Mark
from engine.queries.maintenance import backups
from engine.store.models import Outbox, Run, Setting, Snapshot, Vm
from engine.work.ports import Ports
from engine.work.requests import queue_of
from kvmtui.lab.faults import InjectedFault
from kvmtui.lab.volumes import LabVolume
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]


@pytest.fixture
def backup(vm: Vm, done: Done) -> str:
    """A backup of ours."""
    maintenance.create_backup(ME, vm.service_id)
    done(vm)
    (one,) = backups(vm.service_id)
    return one.backup


def archived(site: Site, volid: str, **changes: Any) -> None:
    """Make a backup one of other times: None takes a key out of the config it holds."""
    archive: LabVolume = next(one for one in site.lab.world.shelf.everything() if one.volid == volid)
    config = {**json.loads(archive.config), **changes}
    archive.config = json.dumps({key: value for key, value in config.items() if value is not None})


def open_the_firewall(site: Site, vm: Vm) -> None:
    """As it may come back with a backup: switched off, and without the set that binds the addresses."""
    cluster = site.walker.servers.cluster(site.server)
    firewall = Guest(cluster, vm.vmid, Mark(site.walker.contexts.instance, vm.uid)).firewall
    with site.walker.servers.recording(SilentRecorder()):
        firewall.set_options({"enable": 0})
        firewall.remove_ipset("ipfilter-net0")
    assert site.anti_spoofing(vm) is None


def test_the_package_is_applied_over_what_the_backup_brings(
    site: Site, vm: Vm, backup: str, done: Done
) -> None:
    before = site.guest(vm)
    set_before = site.anti_spoofing(vm)
    archived(
        site, backup,
        cores=1, memory="512", scsi1=None, description="before it was ours",
        scsi0=before.config["scsi0"].split(",")[0] + ",size=8G,mbps_wr=7",
        net0="virtio=BC:24:11:00:00:01,bridge=vmbr1,rate=1",
    )  # fmt: skip
    open_the_firewall(site, vm)
    maintenance.create_snapshot(ME, vm.service_id, "lost")
    done(vm)
    site.walker.contexts.ports = Ports(mail=SiteMail())
    Setting.insert(key="smtp", value={"host": "127.0.0.1", "port": 25, "sender": "noc@example.com"}).execute()
    maintenance.restore(ME, vm.service_id, backup)
    assert done(vm).action == "Restore"
    guest = site.guest(vm)
    config = guest.config
    assert (guest.status, config["cores"], int(config["memory"])) == ("running", 2, 2048)
    assert (
        "size=20G" in config["scsi0"]
        and "mbps_rd=100" in config["scsi0"]
        and "iops_wr=500" in config["scsi0"]
    )
    assert "size=5G" in config["scsi1"]
    assert vm.mac in config["net0"] and "rate=12" in config["net0"] and "bridge=vmbr0" in config["net0"]
    assert site.anti_spoofing(vm) == set_before is not None
    assert f"vm={vm.uid}" in guest.description
    assert Vm.get_by_id(vm.id).smbios_uuid in config["smbios1"]
    assert Snapshot.select().count() == 0  # they went with the disks
    assert [mail.template for mail in Outbox.select()] == ["restored"]


def test_a_failed_restore_says_how_to_continue_and_both_ways_work(
    site: Site, vm: Vm, backup: str, done: Done
) -> None:
    for task in ("qmrestore", "qmstart"):
        site.lab.faults.add(InjectedFault(kind="task-error", task=task, text="no luck"))
        maintenance.restore(ME, vm.service_id, backup)
        site.walk(vm)
        run = last(vm)
        assert run.result == "error" and "no luck" in run.error
        assert run.error.endswith("Try the restore again, or reinstall the VM.")
    maintenance.restore(ME, vm.service_id, backup)
    done(vm)
    assert site.guest(vm).status == "running"
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmrestore", text="no luck"))
    maintenance.restore(ME, vm.service_id, backup)
    site.walk(vm)
    vms.reinstall(ME, vm.service_id)
    assert done(vm).action == "Reinstall"
    assert site.guest(vm).status == "running" and [one.backup for one in backups(vm.service_id)] == [backup]


def test_a_backup_that_is_not_there_leaves_the_vm_as_it_was(site: Site, vm: Vm, backup: str) -> None:
    maintenance.restore(ME, vm.service_id, backup + "x")
    site.walk(vm)
    assert "has no backup" in last(vm).error
    assert "restore-begin" not in {one.action for one in site.lab.effects}
    assert site.guest(vm).status == "running", "a name that was mistyped must not cost the client an outage"


CHANGES: dict[str, Callable[[int], object]] = {
    "start": lambda sid: vms.power(ME, sid, "start"),
    "stop": lambda sid: vms.power(ME, sid, "stop"),
    "reboot": lambda sid: vms.power(ME, sid, "reboot"),
    "reinstall": lambda sid: vms.reinstall(ME, sid),
    "run-step": lambda sid: vms.run_step(ME, sid, "Set Network"),
    "dns": lambda sid: vms.sync_dns(ME, sid),
    "change-package": lambda sid: packages.change_package(ME, sid, options={"cores": 4}),
    "suspend": lambda sid: packages.suspend(ME, sid),
    "snapshot": lambda sid: maintenance.create_snapshot(ME, sid),
    "rollback": lambda sid: maintenance.roll_back(ME, sid, "before"),
    "delete snapshot": lambda sid: maintenance.delete_snapshot(ME, sid, "before"),
    "backup": lambda sid: maintenance.create_backup(ME, sid),
    "delete backup": lambda sid: maintenance.delete_backup(ME, sid, "backup:backup/x"),
    "restore": lambda sid: maintenance.restore(ME, sid, "backup:backup/x"),
    "password": lambda sid: maintenance.reset_password(ME, sid),
    "iso": lambda sid: maintenance.mount_iso(ME, sid, "debian.iso"),
    "eject": lambda sid: maintenance.eject_iso(ME, sid),
}


def test_other_changes_are_refused_while_a_backup_or_a_restore_runs(vm: Vm) -> None:
    for running in ("Backup", "Restore"):
        Vm.update(flow={"pipeline": running}).where(Vm.id == vm.id).execute()
        for name, change in CHANGES.items():
            with pytest.raises(Refused, match=f"{running} is running on .* wait for it to end") as refused:
                change(vm.service_id)
            assert refused.value.exit_code == 2, name
    fresh = Vm.get_by_id(vm.id)
    assert queue_of(fresh.id) == [] and fresh.service.options == {}
