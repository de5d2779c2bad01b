"""Every fault of the cluster at every changing call of a deploy: one correct VM, nothing done twice.

A run takes a third of the pairs, chosen by its seed; `make soak` takes all.
"""

from __future__ import annotations

from collections import Counter

import pytest

from engine.pipelines import context
from engine.pipelines.steps import clone
from engine.store.database import session
from engine.store.models import Address, Call, Run, Vm
from engine.work import reconcile
from kvmtui.lab import InjectedFault
from tests import seeds
from tests.pipelines.conftest import Site, site  # noqa: F401 - the fixture is used by name

CALLS = {
    "clone": ("POST", "/clone"),
    "migrate": ("POST", "/migrate"),
    "compute": ("PUT", "/qemu/5000/config"),
    "resize": ("PUT", "/resize"),
    "disk": ("POST", "/qemu/5000/config"),
    "firewall": ("PUT", "/firewall/options"),
    "set": ("POST", "/firewall/ipset$"),
    "start": ("POST", "/status/start"),
}
TASKS = {
    "clone": "qmclone",
    "migrate": "qmigrate",
    "resize": "resize",
    "disk": "qmconfig",
    "start": "qmstart",
}
FAULTS = {
    "the answer is lost after the work": {"kind": "lost"},
    "the line is cut before it": {"kind": "cut"},
    "596 although the work is done": {"kind": "status", "code": 596, "after": True},
    "596 and nothing is done": {"kind": "status", "code": 596},
    "595, the node is not reached": {"kind": "status", "code": 595},
    "503 from something in front": {"kind": "status", "code": 503},
    "no worker could be started": {"kind": "status", "code": 500},
}
ENDINGS = {
    "with an error": {"kind": "task-error", "text": "storage is sad"},
    "with an error after the work": {"kind": "task-error", "text": "storage is sad", "after": True},
    "with a lock timeout": {
        "kind": "task-error",
        "text": "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
    },
    "with warnings": {"kind": "task-warnings"},
    "and is forgotten": {"kind": "task-vanishes"},
}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback a response is never delayed, and no test waits seconds for a lock."""
    monkeypatch.setattr(reconcile, "ARRIVING_MS", {"intent": 100, "ambiguous": 100})
    for module in (context, clone):
        monkeypatch.setattr(module, "LOCK_S", 0.1)


def brought_home(site: Site, vm: Vm) -> Vm:  # noqa: F811
    """Tick until the VM is ready: what failed is tried again, as every tick does."""
    for _ in range(6):
        vm = site.walk(vm, 60)
        if vm.vm_status == "ready":
            return vm
        assert vm.error, "it stands still without a reason"
        Vm.update(due_at=1).where(Vm.id == vm.id).execute()
    raise AssertionError(f"still at {vm.vm_status}: {vm.error}")


def all_is_right(site: Site, vm: Vm, before: dict[int, str], disks: int = 2) -> None:  # noqa: F811
    guests = site.lab.guests()
    ours = [guest for guest in guests if vm.uid in guest.description]
    assert [guest.vmid for guest in ours] == [vm.vmid]
    assert ours[0].status == "running" and ours[0].lock is None
    config = ours[0].config
    assert "size=20G" in config["scsi0"] and ("size=5G" in config.get("scsi1", "")) == (disks == 2)
    assert not [key for key in config if key.startswith("unused") or key == "scsi2"]
    held = {volume for guest in guests for volume in guest.volumes}
    assert not [one.volid for one in site.lab.volumes() if "vm-50" in one.volid and one.volid not in held]
    assert {guest.vmid: guest.name for guest in guests if guest.vmid < 5000} == before
    with session():
        assert Address.select().where(Address.vm == vm.id).count() == 1
        assert not Run.select().where(Run.vm == vm.id, Run.live == 1).exists()
        assert not Call.select().where(Call.vm == vm.id, Call.state.in_(("intent", "ambiguous"))).exists()
    took = Counter(effect.action for effect in site.lab.effects if effect.vmid == vm.vmid)
    assert took["clone"] <= 1 or took["destroy"] >= took["clone"] - 1, took


def strangers(site: Site) -> dict[int, str]:  # noqa: F811
    return {guest.vmid: guest.name for guest in site.lab.guests() if guest.vmid < 5000}


@pytest.mark.parametrize(("call", "fault"), seeds.share("calls of a deploy", CALLS, list(FAULTS)))
def test_a_call_fails(site: Site, call: str, fault: str) -> None:  # noqa: F811
    before = strangers(site)
    method, path = CALLS[call]
    site.lab.faults.add(InjectedFault(method=method, path=path, **FAULTS[fault]))
    disks = 1 if call == "compute" else 2  # a new disk goes along with these values, by POST
    product = site.product(**({"additional_disk": {"size": 0}} if disks == 1 else {}))
    vm = brought_home(site, site.service(product))
    assert not site.lab.faults.remaining(), "the fault did not occur"
    all_is_right(site, vm, before, disks)


@pytest.mark.parametrize(("call", "ending"), seeds.share("tasks of a deploy", TASKS, list(ENDINGS)))
def test_a_task_ends_badly(site: Site, call: str, ending: str) -> None:  # noqa: F811
    before = strangers(site)
    site.lab.faults.add(InjectedFault(task=TASKS[call], **ENDINGS[ending]))
    vm = brought_home(site, site.service())
    all_is_right(site, vm, before)
