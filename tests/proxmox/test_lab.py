"""The whole client against the simulated cluster: one guest's life, and the faults that make double work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from engine.proxmox import (
    Cluster,
    FaultKind,
    Guest,
    GuestView,
    Mark,
    NotOurs,
    ProxmoxError,
    ServerAccess,
    ServerTls,
)
from engine.proxmox.codecs import GIB, IpConfig, Limits, decode_ssh_keys, encode_ssh_keys
from kvmtui.lab import InjectedFault, Lab

MARK = Mark("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmB0V0c8y0X0m5Zl1W8bqz3m1XQyQyQyQyQyQyQyQyQ alice@example.com"


@dataclass
class Bench:
    """A lab whose time we push, and a cluster that speaks to it."""

    lab: Lab
    cluster: Cluster

    def done(self, upid: str | None) -> None:
        """Lets a task come to its end, which must be a good one."""
        assert upid is not None
        self.lab.advance(3600)
        ending = self.cluster.task_ending(upid)
        assert ending is not None
        assert ending.ok, ending

    def clone(self, vmid: int = 2000) -> Guest:
        self.done(self.cluster.clone(9000, "pve1", vmid, "vm-5546", full=True, mark=MARK))
        return Guest(self.cluster, vmid, MARK)

    def effects(self, action: str) -> int:
        return sum(effect.action == action for effect in self.lab.effects)


@pytest.fixture(params=["8", "9"])
def bench(request: Any) -> Iterator[Bench]:
    with Lab(paused=True, version=request.param) as lab:
        cluster = Cluster(
            ServerAccess(
                "lab",
                (lab.host,),
                port=lab.port,
                token_id=lab.token_id,
                token_secret=lab.token_secret,
                tls=ServerTls.fingerprint(lab.fingerprint),
            )
        )
        yield Bench(lab, cluster)
        cluster.close()


def test_the_life_cycle_of_a_guest_from_clone_to_removal(bench: Bench) -> None:
    cluster = bench.cluster
    assert cluster.next_id_free(2000)
    guest = bench.clone()
    assert not cluster.next_id_free(2000)
    config = guest.config()
    assert (config.mark, config.lock, config.system_disk, config.cloudinit_drive) == (
        MARK,
        None,
        "scsi0",
        "ide2",
    )
    guest.smbios_uuid = config.smbios_uuid

    bench.done(guest.migrate("pve2", "local-lvm"))
    assert guest.config().mark == MARK
    assert guest.node == "pve2"

    card = guest.config().nets["net0"]
    guest.set_config(
        {
            "cores": 4,
            "memory": 4096,
            "net0": card.with_rate(12.5).with_vlan(100).format(),
            "ipconfig0": IpConfig.of("192.0.2.5/24", "192.0.2.1").format(),
            "ciuser": "debian",
            "cipassword": "$6$salt$hash",
            "sshkeys": encode_ssh_keys([KEY]),
        }
    )
    config = guest.config()
    assert (config.cores, config.memory_mib) == (4, 4096)
    assert (config.nets["net0"].mac, config.nets["net0"].rate) == (card.mac, 12.5)
    assert decode_ssh_keys(config.text("sshkeys")) == (KEY,)

    bench.done(guest.resize("scsi0", 20))
    disk = guest.config().drives["scsi0"]
    assert disk.size == 20 * GIB
    bench.done(
        guest.set_config({"scsi0": disk.with_limits(Limits(100, 50, 500, 400)).format(), "scsi1": "ceph:5"})
    )
    drives = guest.config().drives
    assert (drives["scsi0"].limits, drives["scsi0"].volume) == (Limits(100, 50, 500, 400), disk.volume)
    assert drives["scsi1"].storage == "ceph"

    firewall = guest.firewall
    firewall.set_options({"enable": 1, "policy_in": "DROP"})
    assert firewall.ensure_ipset("ipfilter-net0", ["192.0.2.5", "2001:db8::5"])
    assert not firewall.ensure_ipset("ipfilter-net0", ["2001:db8::5/128", "192.0.2.5/32"])
    firewall.ensure_ipset("ipfilter-net0", ["192.0.2.6"])
    assert [entry.cidr for entry in firewall.ipset("ipfilter-net0") or ()] == ["192.0.2.6"]

    bench.done(guest.mount_iso("iso:iso/myfile.iso"))
    assert guest.config().cd_drive is not None
    bench.done(guest.eject_iso())
    bench.done(guest.start())
    assert guest.status().running
    assert guest.rrddata("hour")
    bench.done(guest.create_snapshot("before", memory=False))
    assert [snapshot.name for snapshot in guest.snapshots()] == ["before"]
    bench.done(guest.delete_snapshot("before"))
    bench.done(guest.backup("backup", "nightly"))
    backup = cluster.backups("pve2", "backup", 2000)[0]
    assert (backup.vmid, backup.notes) == (2000, "nightly")
    bench.done(guest.stop())
    bench.done(guest.restore(backup.volid, "local-lvm"))
    guest.stamp()
    assert guest.config().mark == MARK
    upid = cluster.delete_backup("pve2", "backup", backup.volid, 2000, MARK)
    if upid:
        bench.done(upid)
    assert cluster.backups("pve2", "backup", 2000) == ()
    bench.done(guest.destroy())
    assert cluster.find_guest(2000) is None
    assert bench.lab.guest(2000) is None


def test_foreign_guests_stay_as_they_are(bench: Bench) -> None:
    before = bench.lab.guests()
    for vmid in (100, 105, 9000):
        guest = Guest(bench.cluster, vmid, MARK)
        for act in (guest.destroy, guest.stop, lambda guest=guest: guest.set_config({"cores": 8})):  # type: ignore[misc]
            with pytest.raises(NotOurs):
                act()
    assert bench.lab.guests() == before
    assert {method for method, _path, _status in bench.lab.requests.entries} == {"GET"}


def test_a_lost_answer_to_a_clone_is_ambiguous_and_not_repeated(bench: Bench) -> None:
    bench.lab.faults.add(InjectedFault("lost", "POST", r"/clone$"))
    with pytest.raises(ProxmoxError) as caught:
        bench.cluster.clone(9000, "pve1", 2000, "vm-5546", full=True, mark=MARK)
    assert caught.value.kind is FaultKind.AMBIGUOUS
    tasks = [task for task in bench.lab.tasks() if task.type == "qmclone"]
    assert len(tasks) == 1
    found = bench.cluster.recent_tasks("pve1", int(tasks[0].starttime * 1000), 9000, "qmclone")
    assert [task.upid for task in found] == [tasks[0].upid]
    bench.lab.advance(3600)
    location = bench.cluster.find_guest(2000)
    assert location is not None
    assert location.config.mark == MARK


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (InjectedFault("cut", "POST", r"/status/start$"), FaultKind.AMBIGUOUS),
        (InjectedFault("status", "POST", r"/status/start$", code=596, after=True), FaultKind.AMBIGUOUS),
        (InjectedFault("status", "POST", r"/status/start$", code=599), FaultKind.AMBIGUOUS),
        (InjectedFault("status", "POST", r"/status/start$", code=595), FaultKind.TRANSIENT),
        (InjectedFault("status", "POST", r"/status/start$", code=500), FaultKind.TRANSIENT),
    ],
)
def test_a_start_is_sent_once_whatever_happens(bench: Bench, fault: InjectedFault, kind: FaultKind) -> None:
    guest = bench.clone()
    bench.lab.faults.add(fault)
    bench.lab.requests.clear()
    with pytest.raises(ProxmoxError) as caught:
        guest.start()
    assert caught.value.kind is kind
    assert [path for method, path, _status in bench.lab.requests.entries if method == "POST"] == [
        "/api2/json/nodes/pve1/qemu/2000/status/start"
    ]


def test_a_locked_guest_is_busy(bench: Bench) -> None:
    guest = bench.clone()
    bench.lab.foreign_lock(2000, "backup")
    with pytest.raises(ProxmoxError) as caught:
        guest.set_config({"cores": 2})
    assert (caught.value.kind, caught.value.reason) == (FaultKind.BUSY, "locked")


def test_a_foreign_change_in_between_is_noticed_by_the_digest(bench: Bench) -> None:
    guest = bench.clone()
    guest.prove()
    bench.lab.foreign_config(2000, cores=7)
    with pytest.raises(ProxmoxError) as caught:
        guest.set_config({"memory": 2048})
    assert caught.value.reason == "changed_meanwhile"
    guest.forget()
    guest.set_config({"memory": 2048})
    assert guest.config().cores == 7


def test_a_guest_that_was_moved_by_others_is_still_found(bench: Bench) -> None:
    guest = bench.clone()
    assert guest.node == "pve1"
    bench.lab.foreign_migrate(2000, "pve3")
    bench.done(guest.start())
    assert guest.node == "pve3"


def test_a_task_that_ends_badly_says_so(bench: Bench) -> None:
    bench.lab.faults.add(
        InjectedFault(
            "task-error",
            task="qmclone",
            text="clone failed: cfs-lock 'storage-ceph' error: got lock request timeout",
        )
    )
    upid = bench.cluster.clone(9010, "pve1", 2000, "vm-5546", full=True, mark=MARK)
    bench.lab.advance(3600)
    ending = bench.cluster.task_ending(upid)
    assert ending is not None
    assert (ending.kind, ending.reason) == (FaultKind.BUSY, "storage_lock")


def test_consoles_and_agent_are_reached(bench: Bench) -> None:
    guest = bench.clone()
    view = GuestView(bench.cluster, 2000)
    assert view.agent_alive() is False
    bench.done(guest.start())
    seat = view.serial_console()
    assert seat.ticket
    assert seat.host == bench.lab.host
    assert view.screen_console().port >= 5900
