"""Parallel work: the locks real clusters lose clones to, and that waiting happens in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

STORAGE = "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout"
SHARED = "clone failed: cfs-lock 'storage-ceph' error: got lock request timeout"


@pytest.mark.parametrize(("template", "text"), [(9000, STORAGE), (9010, SHARED)])
def test_too_many_parallel_clones_lose_the_storage_lock(slow: Any, template: int, text: str) -> None:
    slow.lab.world.alloc_seconds = 1.0
    upids = [slow("POST", f"/nodes/pve1/qemu/{template}/clone", newid=300 + n).data for n in range(30)]
    slow.lab.advance(120)
    ends = [slow.ended(upid) for upid in upids]
    assert set(ends) == {"OK", text}
    assert 5 <= ends.count("OK") <= 20
    alive = {guest.vmid for guest in slow.lab.guests() if 300 <= guest.vmid < 330}
    assert alive == {300 + n for n, end in enumerate(ends) if end == "OK"}
    owners = {volume.vmid for volume in slow.lab.volumes() if volume.vmid and 300 <= volume.vmid < 330}
    assert owners == alive


def test_a_few_parallel_clones_all_succeed(slow: Any) -> None:
    upids = [slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300 + n).data for n in range(6)]
    slow.lab.advance(60)
    assert {slow.ended(upid) for upid in upids} == {"OK"}


def test_two_clones_of_one_id_give_one_vm(slow: Any) -> None:
    first = slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300, name="one").data
    second = slow("POST", "/nodes/pve1/qemu/9001/clone", newid=300, name="two")
    slow.lab.advance(30)
    assert slow.ended(first) == "OK"
    assert second.reason == "unable to create VM 300: config file already exists"
    assert slow.lab.guest(300).name == "one"


def test_a_running_source_is_locked_exclusively(slow: Any) -> None:
    first = slow("POST", "/nodes/pve1/qemu/100/clone", newid=300).data
    second = slow("POST", "/nodes/pve1/qemu/100/clone", newid=301).data
    slow.lab.advance(600)
    assert slow.ended(first) == "OK"
    lock = "/var/lock/qemu-server/lock-100.conf"
    assert slow.ended(second) == f"clone failed: can't lock file '{lock}' - got timeout"


def test_the_same_seed_takes_the_same_time(start: Any) -> None:
    def duration(seed: int) -> float:
        call = start(paused=True, seed=seed)
        call("POST", "/nodes/pve1/qemu/9000/clone", newid=300)
        call.lab.advance(60)
        task = call.lab.tasks()[-1]
        return float(task.endtime - task.starttime)

    assert duration(1) == pytest.approx(duration(1), abs=0.01)
    assert duration(1) != pytest.approx(duration(2), abs=0.001)
    assert 1 <= duration(1) <= 4


def test_a_config_write_that_takes_too_long_answers_596_and_continues(start: Any) -> None:
    call = start(speed=100)
    call.clone(300)
    call.lab.world.alloc_seconds = 40.0
    answer = call("PUT", "/nodes/pve1/qemu/300/config", scsi1="local-lvm:5")
    assert (answer.status, answer.reason) == (596, "Connection timed out")
    call.lab.advance(60)
    assert call.lab.guest(300).config["scsi1"] == "local-lvm:vm-300-disk-1,size=5G"
