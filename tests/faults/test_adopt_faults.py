"""Every fault at the one call of an adoption: in the end the guest is marked once and nothing of it is lost."""

from __future__ import annotations

import pytest

from engine.actions.adoption import adopt
from engine.audit import Actor
from engine.forms.adoption import AdoptForm
from engine.proxmox.mark import Mark
from engine.running import instance
from engine.store.models import Call, Client, Product, Run, Vm
from kvmtui.lab import InjectedFault
from tests.faults.test_deploy_faults import FAULTS, brought_home, no_patience
from tests.pipelines.conftest import SPEC, Site, site
from tests.services.guests import CONFIG, make_guest

__all__ = ["no_patience", "site"]

VMID = 7001


@pytest.mark.parametrize("fault", FAULTS)
def test_writing_the_mark_fails(site: Site, fault: str) -> None:
    make_guest(site.server, VMID)
    Client.create(name="Acme")
    Product.create(name="VPS", server=site.server, spec=SPEC)
    before = next(guest.config for guest in site.lab.guests() if guest.vmid == VMID)
    site.lab.faults.add(InjectedFault(method="PUT", path=f"/qemu/{VMID}/config", **FAULTS[fault]))
    form = AdoptForm(server="pve-lab", vmid=VMID, client="Acme", product="VPS")
    queued = adopt(Actor("tester"), form, str(CONFIG["name"]))
    vm = brought_home(site, Vm.get_by_id(queued.vm_id))
    site.walk(vm, 60)
    assert not site.lab.faults.remaining(), "the fault did not occur"
    vm = Vm.get_by_id(vm.id)
    after = next(guest.config for guest in site.lab.guests() if guest.vmid == VMID)
    notes = [Mark(instance(), vm.uid).line, *str(CONFIG["description"]).splitlines()]
    assert after["description"].splitlines() == notes
    assert {**after, "description": ""} == {**before, "description": ""}
    assert (vm.error, vm.service.status, vm.flow) == ("", "Active", {})
    assert Run.select().order_by(Run.id.desc()).first().result == "success"
    assert not Call.select().where(Call.state.in_(("intent", "answered", "ambiguous"))).exists()
