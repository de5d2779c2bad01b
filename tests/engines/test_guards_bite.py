"""The guards are effective: without one, what it guards against happens."""

from __future__ import annotations

import contextlib

import pytest

from engine.proxmox.guest import Guest
from engine.store.database import in_transaction
from engine.store.models import Vm
from engine.work import claims, reconcile
from engine.work.journal import Journal
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site, site  # noqa: F401 - the fixture is used by name


def with_our_mark(site: Site, vm: Vm) -> int:  # noqa: F811
    return sum(vm.uid in guest.description for guest in site.lab.guests())


def after_a_lost_answer(site: Site, seconds: float) -> Vm:  # noqa: F811
    site.lab.faults.add(InjectedFault(kind="lost", method="POST", path="/clone"))
    vm = site.service()
    with contextlib.suppress(AssertionError):  # without the journal it never comes to rest
        site.walk(vm, seconds)
    return Vm.get_by_id(vm.id)


def test_without_the_journal_a_lost_answer_creates_a_second_vm(
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconcile, "ARRIVING_MS", {"intent": 100, "ambiguous": 100})
    vm = after_a_lost_answer(site, 60)
    assert (vm.vm_status, with_our_mark(site, vm)) == ("ready", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "intent", lambda self, call: 0)
        patch.setattr(Journal, "answered", lambda self, call_id, upid: None)
        patch.setattr(Journal, "failed", lambda self, call_id, kind, sentence: None)
        other = after_a_lost_answer(site, 3)
    assert with_our_mark(site, other) > 1


def test_without_the_ownership_check_a_foreign_guest_is_destroyed(
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vm = site.walk(site.service())
    site.lab.foreign_delete(vm.vmid)
    site.lab.foreign_create(vm.vmid, node=vm.node, name="not-ours")
    put = Vm.update(vm_status="terminate", flow={}, due_at=1).where(Vm.id == vm.id)
    put.execute()
    site.walk(vm)
    assert "not-ours" in {guest.name for guest in site.lab.guests()}
    with monkeypatch.context() as patch:
        patch.setattr(Guest, "prove", lambda self: self.config())
        put.execute()
        site.walk(vm)
    assert "not-ours" not in {guest.name for guest in site.lab.guests()}


def test_without_the_fence_a_worker_that_lost_its_lease_still_writes(
    site: Site,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vm = site.service()
    (stale,) = claims.claim_due("stale", 1)
    in_transaction(lambda: claims.take_over(vm.id))
    with pytest.raises(claims.LeaseLost):
        in_transaction(lambda: claims.write(stale, name="stale"))
    assert Vm.get_by_id(vm.id).name == ""

    def unguarded(claim: claims.Claim, **changes: object) -> None:
        Vm.update(**changes).where(Vm.id == claim.vm_id).execute()

    with monkeypatch.context() as patch:
        patch.setattr(claims, "write", unguarded)
        in_transaction(lambda: claims.write(stale, name="stale"))
    assert Vm.get_by_id(vm.id).name == "stale"
