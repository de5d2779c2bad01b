"""A preview of a change: from, to, when it takes effect, and whether it can be undone."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from engine.actions import packages
from engine.actions.services import set_options
from engine.audit import Actor
from engine.errors import Refused
from engine.forms import OptionsForm
from engine.plan import effective
from engine.queries.effects import Effect, effects_of
from engine.store.models import Client, Product, Server, Service, Vm
from tests.conftest import Store

ME = Actor("noc", "192.0.2.7", "cli")
SPEC: dict[str, Any] = {
    "cores": 2,
    "memory": 2048,
    "backups": 1,
    "network": {"ipv4": 2, "ipv6": 1},
    "system_disk": {"storage": "local-lvm", "size": 20},
    "additional_disk": {"storage": "local-lvm", "size": 5},
}


@pytest.fixture
def vm(sqlite_store: Store) -> Vm:
    server = Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["192.0.2.1"])
    product = Product.create(name="Small", server=server, spec=SPEC)
    service = Service.create(client=Client.create(name="Acme"), product=product, status="Active")
    return Vm.create(
        uid=str(uuid.uuid4()),
        service=service,
        server=server,
        vm_status="ready",
        plan=effective(SPEC, {}).as_dict(),
    )


def _bigger(vm: Vm, **changes: Any) -> None:
    Product.create(name="Big", server=vm.server, spec={**SPEC, **changes})


def _one(vm: Vm, **options: Any) -> Effect:
    (effect,) = effects_of(vm.service_id, options=options)
    return effect


def test_nothing_pending_has_no_effects(vm: Vm) -> None:
    assert effects_of(vm.service_id) == []


def test_cores_need_a_stop_and_can_go_back(vm: Vm) -> None:
    effect = _one(vm, cores=4)
    assert (effect.field, effect.old, effect.new, effect.when) == ("cores", 2, 4, "change")
    assert effect.needs_stop and not effect.lasting


@pytest.mark.parametrize(
    ("option", "value", "when", "lasting", "note"),
    [
        ("system_disk", 40, "change", True, "never be made smaller"),
        ("system_disk", 10, "never", False, "disks only grow"),
        ("system_disk", 0, "never", False, "does not set it"),
        ("additional_disk", 9, "change", True, "never be made smaller"),
        ("additional_disk", 0, "never", False, "kept, with its data"),
        ("ipv4", 1, "change", True, "may be assigned to another VM"),
        ("ipv4", 3, "change", False, ""),
        ("system_disk_mbps_rd", 50, "change", False, ""),
        ("backups", 3, "at once", False, ""),
        ("template", 9100, "reinstall", False, ""),
    ],
)
def test_what_an_option_leads_to(
    vm: Vm, option: str, value: int, when: str, lasting: bool, note: str
) -> None:
    effect = _one(vm, **{option: value})
    assert (effect.when, effect.lasting) == (when, lasting)
    assert note in effect.note and bool(note) == bool(effect.note)
    assert not effect.needs_stop


def test_a_disk_that_is_new_stays_for_good(vm: Vm) -> None:
    plan = effective({**SPEC, "additional_disk": {"size": 0}}, {})
    Vm.update(plan=plan.as_dict()).execute()
    found = {each.field: each for each in effects_of(vm.service_id)}
    assert found["additional_disk.size"].lasting and "removes it" in found["additional_disk.size"].note
    assert found["additional_disk.storage"].when == "change"


def test_another_product(vm: Vm) -> None:
    _bigger(
        vm, memory=4096, backups=5, snapshots=2, network={"dhcp4": True, "ipv4": 2, "vlan": 7, "ipv6": 1},
        system_disk={"storage": "ceph", "size": 20},
    )  # fmt: skip
    found = {each.field: each for each in effects_of(vm.service_id, "Big")}
    assert set(found) == {
        "memory", "system_disk.storage", "network.vlan", "network.dhcp4", "backups", "snapshots"
    }  # fmt: skip
    assert found["system_disk.storage"].when == "reinstall"
    assert found["network.vlan"].when == "never"
    assert found["network.dhcp4"].lasting
    assert found["backups"].when == "change"


def test_an_unknown_product_is_refused(vm: Vm) -> None:
    with pytest.raises(Refused, match="Product 'Huge' not found"):
        effects_of(vm.service_id, "Huge")


def test_permissions_of_a_vm_take_effect_at_once(vm: Vm) -> None:
    set_options(vm.service_id, OptionsForm(backups=4, cores=3), ME)
    plan = packages.applied(Vm.get_by_id(vm.id))
    assert (plan.backups, plan.cores) == (4, 2)
    assert [each.field for each in effects_of(vm.service_id)] == ["cores"]


def test_an_option_can_go_back_to_the_product(vm: Vm) -> None:
    Service.update(options={"cores": 4}).execute()
    assert [each.new for each in effects_of(vm.service_id)] == [4]
    assert effects_of(vm.service_id, options={"cores": None}) == []
    packages.change_package(ME, vm.service_id, options={"cores": None, "memory": 4096})
    assert Service.get().options == {"memory": 4096}
