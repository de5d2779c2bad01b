"""SIGKILL at every moment of every pipeline, and again during the recovery: what is right stays right."""

from __future__ import annotations

import pytest

from engine.actions.adoption import adopt
from engine.audit import Actor
from engine.clock import now_ms
from engine.forms.adoption import AdoptForm
from engine.proxmox.mark import Mark
from engine.running import instance
from engine.store.models import Address, Client, Outbox, Service, Vm, VmidClaim
from tests import seeds
from tests.crash.site import LAST_MOMENT, LONGEST, STRIDE, Case, case, holds, lab, moments
from tests.services.guests import make_guest

__all__ = ["case", "lab"]


@pytest.mark.timeout(LONGEST)
def test_deploy(case: Case) -> None:
    before = case.lab.foreign()
    for moment, again in moments():
        vm = case.service()
        killed = case.killed_at(moment)
        case.recover(again)
        holds(case, vm, "ready")
        assert Outbox.select().where(Outbox.vm == vm.id).count() == 1
        if not killed:
            break
    else:
        pytest.fail("a deploy has more moments than were looked at")
    assert case.lab.foreign() == before


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("pipeline", ["ChangePackage", "Reinstall"])
def test_a_pipeline_that_comes_back_to_ready(case: Case, pipeline: str) -> None:
    before = case.lab.foreign()
    vm = case.service()
    case.recover(None)
    for moment, again in moments():
        mails = Outbox.select().where(Outbox.vm == vm.id).count()
        Service.update(options={"cores": 1 + moment % 3}).where(Service.id == vm.service_id).execute()
        case.ask(vm, pipeline)
        killed = case.killed_at(moment)
        case.recover(again)
        after = holds(case, vm, "ready")
        assert case.lab.guests()[after.vmid]["config"]["cores"] == 1 + moment % 3
        assert Outbox.select().where(Outbox.vm == vm.id).count() == mails + 1
        if not killed:
            break
    assert case.lab.foreign() == before


@pytest.mark.timeout(LONGEST)
def test_terminate(case: Case) -> None:
    before = case.lab.foreign()
    for moment, again in moments():
        vm = case.service()
        case.recover(None)
        Vm.update(vm_status="terminate", flow={}, due_at=now_ms()).where(Vm.id == vm.id).execute()
        killed = case.killed_at(moment)
        case.recover(again)
        holds(case, vm, "remove")
        assert Service.get_by_id(vm.service_id).status == "Terminated"
        if not killed:
            break
    assert case.lab.foreign() == before


@pytest.mark.timeout(LONGEST)
def test_adopt(case: Case) -> None:
    """A guest of somebody else is marked once and changed in nothing else, whenever the engine dies."""
    Client.create(name="Acme")
    chance, stride = seeds.chance("adopt"), min(STRIDE, 5)  # an adoption has few moments
    for moment in range(1 + chance.randrange(stride), LAST_MOMENT, stride):
        number = max([5000, *case.lab.guests()]) + 1
        octets = f"{number // 250 % 250}.{number % 250 + 1}"
        make_guest(case.server, number, ipconfig0=f"ip=10.20.{octets}/16,gw=10.20.0.1")
        before = case.lab.guests()[number]["config"]
        form = AdoptForm(server="pve-lab", vmid=number, client="Acme", product="P")
        queued = adopt(Actor("tester"), form, "Web01.example.org")
        killed = case.killed_at(moment)
        case.recover(chance.choice([None, chance.randrange(1, 12)]))
        vm = Vm.get_by_id(queued.vm_id)
        after = case.lab.guests()[number]["config"]
        assert after.pop("description").splitlines() == [
            Mark(instance(), vm.uid).line,
            *before.pop("description").splitlines(),
        ]
        assert after == before
        assert (vm.vm_status, vm.error, vm.service.status) == ("ready", "", "Active")
        assert [str(row.address) for row in Address.select().where(Address.vm == vm.id)] == [
            f"10.20.{octets}"
        ]
        assert VmidClaim.get(VmidClaim.vm == vm.id).vmid == number
        if not killed:
            break
    else:
        pytest.fail("an adoption has more moments than were looked at")
