"""A foreign guest becomes a service: it is marked and not changed otherwise, or refused and left unchanged."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.actions import packages
from engine.actions.adoption import adopt
from engine.audit import Actor
from engine.errors import Refused
from engine.forms.adoption import AdoptForm
from engine.ipam import pools
from engine.proxmox.mark import Mark, find_mark
from engine.queries.adoption import survey
from engine.queries.effects import effects_of
from engine.queries.history import history_of
from engine.running import instance
from engine.store.check import check
from engine.store.models import Address, Audit, Call, Client, Pool, Product, Run, Service, Vm, VmidClaim
from kvmtui.lab import Lab
from tests.conftest import Store
from tests.pipelines.conftest import SPEC, Site, make_pool, make_site, site
from tests.services.guests import make_guest

__all__ = ["site"]

ME = Actor("noc", "192.0.2.7", "cli")
VMID = 7001
SPEC_HERE = {**SPEC, "additional_disk": {"size": 0}}


@pytest.fixture
def form(site: Site) -> AdoptForm:
    """A foreign guest that runs, and the request to adopt it."""
    return _foreign(site)


def _foreign(site: Site, **config: Any) -> AdoptForm:
    make_guest(site.server, VMID)
    site.lab.foreign_config(VMID, **config)
    Client.get_or_create(name="Acme", defaults={"email": "ops@acme.example"})
    Product.create(name="VPS", server=site.server, spec=SPEC_HERE)
    return AdoptForm(server="pve-lab", vmid=VMID, client="ops@acme.example", product="VPS")


def _config(site: Site) -> dict[str, Any]:
    guest = next(each for each in site.lab.guests() if each.vmid == VMID)
    return dict(guest.config)


def _taken(site: Site, form: AdoptForm) -> Vm:
    queued = adopt(ME, form, survey(form).called)
    return site.walk(Vm.get_by_id(queued.vm_id))


def _holds_nothing() -> None:
    assert not Address.select().where(Address.state == "assigned").exists()
    assert not VmidClaim.select().exists()


def test_a_guest_is_marked_and_nothing_else(site: Site, form: AdoptForm) -> None:
    before, sent = _config(site), len(site.changing())
    vm = _taken(site, form)
    after = _config(site)
    assert site.changing()[sent:] == [("PUT", f"qemu/{VMID}/config")]
    assert find_mark(after.pop("description")) == Mark(instance(), vm.uid)
    notes = _config(site)["description"]
    assert notes.endswith("kept by Jo\nsince 2019")
    before.pop("description")
    assert after == before
    assert (vm.vm_status, vm.service.status, vm.error) == ("ready", "Active", "")
    assert (vm.vmid, vm.node, vm.name, vm.domain) == (VMID, "pve2", "web01", "example.org")
    assert (vm.os_user, vm.remote_status, vm.bridge) == ("jo", "running", "vmbr0")
    claim = VmidClaim.get()
    assert (claim.vmid, claim.state, claim.vm_id) == (VMID, "claimed", vm.id)


def test_its_address_leaves_the_pool_with_the_guests_own_prefix(site: Site, form: AdoptForm) -> None:
    vm = _taken(site, form)
    row = Address.get()
    assert (str(row.address), row.vm_id, row.pool_id, row.position) == ("192.168.130.20", vm.id, 1, 0)
    assert (row.prefix, row.gateway) == (25, "192.168.130.126")
    other = site.walk(site.service(site.product(network={"ipv4": 11})))
    mine = [str(each.address) for each in Address.select().where(Address.vm == other.id)]
    assert len(mine) == 11 and "192.168.130.20" not in mine


def test_the_plan_is_what_it_is_until_a_package_is_applied(site: Site, form: AdoptForm) -> None:
    vm = _taken(site, form)
    plan = packages.applied(vm)
    assert (plan.cores, plan.memory, plan.system_disk.size, plan.network.ipv4) == (3, 3072, 20, 1)
    assert (plan.system_disk.mbps_rd, plan.network.bandwidth, plan.firewall.enable) == (100, 12, False)
    changes = {each.field: (each.old, each.new) for each in effects_of(vm.service_id)}
    assert changes == {"cores": (3, 2), "memory": (3072, 2048), "firewall.enable": (False, True)}
    packages.change_package(ME, vm.service_id)
    vm = site.walk(vm)
    assert (vm.error, _config(site)["cores"], vm.smbios_uuid in _config(site)["smbios1"]) == ("", 2, True)
    assert effects_of(vm.service_id) == []


def test_who_took_it_and_when_is_kept(site: Site, form: AdoptForm) -> None:
    vm = _taken(site, form)
    row = Audit.get(Audit.action == "adopt")
    assert (row.login, row.object_id, row.after["vmid"]) == ("noc", str(vm.service_id), VMID)
    assert row.after["addresses"] == ["192.168.130.20"]
    story = history_of(vm.service_id)
    assert [(each.kind, each.result) for each in story if each.kind == "ownership"] == [
        ("ownership", "done"),
        ("ownership", "done"),
    ]
    assert Run.get().request["by"] == "noc" and Run.get().action == "Adopt"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"template": 1}, "is a template"),
        ({"lock": "backup"}, "is locked \\(backup\\)"),
        ({"description": Mark(str(uuid.uuid4()), str(uuid.uuid4())).line}, "another site of kvmtui"),
        ({"description": "  kvmtui Instance = nonsense"}, "cannot be read"),
        ({"description": "x" * 8150}, "notes of VM 7001 are full"),
        ({"net0": None}, "no card net0"),
    ],
)
def test_a_guest_that_must_not_be_taken(site: Site, config: dict[str, Any], words: str) -> None:
    form = _foreign(site, **config)
    before, sent = _config(site), len(site.changing())
    with pytest.raises(Refused, match=words):
        adopt(ME, form, "Web01.example.org")
    assert _config(site) == before and len(site.changing()) == sent
    assert not Service.select().exists() and not Audit.select().where(Audit.action == "adopt").exists()
    _holds_nothing()


def test_a_guest_of_ours_is_not_taken_twice(site: Site, form: AdoptForm) -> None:
    vm = _taken(site, form)
    with pytest.raises(Refused, match=f"VM of service {vm.service_id} \\(web01\\) already"):
        adopt(ME, form, "Web01.example.org")
    site.lab.foreign_config(VMID, description="")
    with pytest.raises(Refused, match=f"VMID {VMID} belongs to service {vm.service_id}"):
        adopt(ME, form, "Web01.example.org")
    assert Service.select().count() == 1


def test_the_name_must_be_typed(site: Site, form: AdoptForm) -> None:
    for typed in ("", "web01", "WEB01.example.org"):
        with pytest.raises(Refused, match=r"is called 'Web01\.example\.org'"):
            adopt(ME, form, typed)
    assert not Service.select().exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"server": "pve-other"}, "Server 'pve-other' not found"),
        ({"product": "VPX"}, "Product 'VPX' not found"),
        ({"client": "nobody@example.org"}, "Client 'nobody@example.org' not found"),
        ({"vmid": 7099}, "VM 7099 not found"),
    ],
)
def test_unknown_names_are_refused(site: Site, form: AdoptForm, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        survey(form.model_copy(update=changes))


def test_a_guest_changed_after_the_check_is_left_alone(site: Site, form: AdoptForm) -> None:
    pools.reserve(Pool.get_by_id(1), "192.168.130.20", "Jo's machine")
    queued = adopt(ME, form, "Web01.example.org")
    assert Address.get().state == "assigned"
    site.lab.foreign_config(VMID, cores=8)
    before, sent = _config(site), len(site.changing())
    vm = site.walk(Vm.get_by_id(queued.vm_id))
    assert _config(site) == before and len(site.changing()) == sent
    assert (vm.vm_status, vm.vmid, vm.service.status) == ("remove", None, "Cancelled")
    assert "changed after it was looked at" in vm.error
    _holds_nothing()
    row = Address.get()
    assert (row.state, row.note, row.vm_id) == ("reserved", "Jo's machine", None)
    assert check() == []
    assert _taken(site, form).vm_status == "ready", "and it can be adopted after another look"


def test_a_guest_marked_by_somebody_else_in_between_is_theirs(site: Site, form: AdoptForm) -> None:
    queued = adopt(ME, form, "Web01.example.org")
    theirs = Mark(str(uuid.uuid4()), str(uuid.uuid4())).line
    site.lab.foreign_config(VMID, description=theirs)
    vm = site.walk(Vm.get_by_id(queued.vm_id))
    assert (vm.vm_status, _config(site)["description"]) == ("remove", theirs)
    assert not Call.select().exists()
    _holds_nothing()


def test_a_guest_that_is_gone_is_given_up(site: Site, form: AdoptForm) -> None:
    queued = adopt(ME, form, "Web01.example.org")
    site.lab.foreign_delete(VMID)
    vm = site.walk(Vm.get_by_id(queued.vm_id))
    assert vm.vm_status == "remove" and "gone" in vm.error
    _holds_nothing()


def test_an_address_of_another_vm_is_a_clash(site: Site, form: AdoptForm) -> None:
    other = site.walk(site.service())
    held = str(Address.get(Address.vm == other.id).address)
    site.lab.foreign_config(VMID, ipconfig0=f"ip={held}/24")
    (place,) = survey(form).addresses
    assert f"{held} (service {other.service_id}, {other.name})" in place.clash
    with pytest.raises(Refused, match="another VM holds"):
        adopt(ME, form, "Web01.example.org")


def test_an_address_nobody_here_knows_of_is_written_down(site: Site) -> None:
    form = _foreign(site, ipconfig0="ip=203.0.113.9/24,gw=203.0.113.1,ip6=2001:db8:9::9/64")
    assert [each.source for each in survey(form).addresses] == ["free-standing: no pool has it"] * 2
    vm = _taken(site, form)
    rows = list(Address.select().order_by(Address.position))
    assert [(str(row.address), row.pool_id, row.vm_id) for row in rows] == [
        ("203.0.113.9", None, vm.id),
        ("2001:db8:9::9", None, vm.id),
    ]
    assert check() == []
    make_pool(site.server, "IPv4", "203.0.113.1", 24, "203.0.113.2", "203.0.113.20")
    other = site.walk(site.service(site.product(network={"ipv4": 3})))
    assert "203.0.113.9" not in [str(row.address) for row in Address.select().where(Address.vm == other.id)]


def test_an_address_the_pool_never_hands_out_says_what_to_do(site: Site) -> None:
    form = _foreign(site, ipconfig0="ip=192.168.130.30/24")
    Pool.update(excluded=["192.168.130.30"]).where(Pool.id == 1).execute()
    with pytest.raises(Refused, match=r"never hands out 192\.168\.130\.30.*exclusions"):
        adopt(ME, form, "Web01.example.org")


def test_what_stays_unchanged_is_reported(site: Site) -> None:
    form = _foreign(
        site, ipconfig0=None, ide2=None, net1="virtio=BC:24:11:0A:0B:0D,bridge=vmbr0", protection=1,
        scsi1="local-lvm:vm-7001-disk-1,size=5G", scsi2="local-lvm:vm-7001-disk-2,size=5G",
    )  # fmt: skip
    notes = " ".join(survey(form).notes)
    for words in ("scsi2 stay", "net1 stay", "gives it no address", "no cloud-init drive", "protected"):
        assert words in notes
    vm = _taken(site, form)
    assert packages.applied(vm).additional_disk.size == 5
    assert not Address.select().exists()


def test_a_paused_server_is_not_asked(site: Site, form: AdoptForm) -> None:
    site.server.state = "paused"
    site.server.save()
    with pytest.raises(Refused, match="is paused"):
        survey(form)


@pytest.fixture
def any_site(store: Store) -> Iterator[Site]:
    """The same site on each kind of database."""
    with Lab(nodes=3, speed=200.0) as lab:
        yield from make_site(lab)


def test_of_two_operators_at_once_one_has_it(any_site: Site) -> None:
    form = _foreign(any_site)

    def ask(_: int) -> bool:
        try:
            adopt(ME, form, "Web01.example.org")
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [False, False, False, True]
    vm = any_site.walk(Vm.get())
    assert (vm.vm_status, vm.error, Service.select().count()) == ("ready", "", 1)
    assert check() == []


def test_the_number_an_operator_gives_and_the_next_one(any_site: Site) -> None:
    form = _foreign(any_site).model_copy(update={"id": 5546})
    vm = _taken(any_site, form)
    assert (vm.service_id, vm.vm_status) == (5546, "ready")
    assert any_site.service().service_id == 5547
    with pytest.raises(Refused, match="already"):
        adopt(ME, form, "Web01.example.org")
