"""Which addresses a VM gets, keeps and releases."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from engine.errors import Refused
from engine.ipam import pools, ranges
from engine.ipam.allocate import (
    NoAddress,
    Want,
    addresses_of_vm,
    allocate,
    assign_specific,
    release,
    sweep_quarantine,
)
from engine.store.database import transaction
from engine.store.models import Address, Pool, Server, Vm

from .conftest import MakeVm, pool_spec

V6 = {"type": "IPv6", "gateway": "2001:db8::1", "mask": 64, "start": "2001:db8::", "stop": "2001:db8::ffff"}


def held(vm: Vm) -> list[str]:
    return [str(row.address) for row in addresses_of_vm(vm)]


def free(pool: Pool) -> list[str]:
    return [str(run) for run in ranges.free_runs(pool.id)]


def test_lowest_first_and_twice_is_once(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    vm, other = make_vm(), make_vm()
    first = allocate(vm, Want(ipv4=2))
    assert [row.id for row in allocate(vm, Want(ipv4=2))] == [row.id for row in first]
    assert held(vm) == ["192.0.2.2", "192.0.2.3"]
    assert [row.position for row in first] == [0, 1]
    assert (first[0].prefix, first[0].gateway, first[0].bridge) == (24, "192.0.2.1", "vmbr0")
    allocate(other, Want())
    assert held(other) == ["192.0.2.4"]
    release(vm)
    assert free(pool) == ["192.0.2.2-192.0.2.3", "192.0.2.5-192.0.2.30"]
    assert held(vm) == []


def test_what_is_lost_later_stays_held_until_it_is_given_up(make_vm: MakeVm) -> None:
    """A guest moving to another bridge holds the old address until its card has left the old one."""
    pools.create_pool(pool_spec())
    pools.create_pool(pool_spec(bridge="vmbr1", start="192.0.2.40", stop="192.0.2.60"))
    vm, other = make_vm(), make_vm()
    allocate(vm, Want())
    there = Want(auto_bridge=False, bridge="vmbr1")
    rows = allocate(vm, there, giving_up=False)
    assert [(row.bridge, row.position) for row in rows] == [("vmbr1", 0), ("vmbr0", 1)]
    assert [row.id for row in allocate(vm, there, giving_up=False)] == [row.id for row in rows]
    allocate(other, Want(auto_bridge=False, bridge="vmbr0"))
    assert held(other) == ["192.0.2.3"]
    assert [(row.bridge, row.position) for row in allocate(vm, there)] == [("vmbr1", 0)]


def test_a_smaller_plan_gives_up_the_highest_and_keeps_the_main_one(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec())
    pools.create_pool(pool_spec(**V6))
    vm = make_vm()
    allocate(vm, Want(ipv4=3, ipv6=2))
    assert held(vm) == ["192.0.2.2", "192.0.2.3", "192.0.2.4", "2001:db8::2", "2001:db8::3"]
    allocate(vm, Want(ipv4=1, ipv6=1))
    assert held(vm) == ["192.0.2.2", "2001:db8::2"]
    allocate(vm, Want(ipv4=0, ipv6=1))
    assert [(str(row.address), row.position) for row in addresses_of_vm(vm)] == [("2001:db8::2", 0)]


def test_dhcp_allocates_nothing_for_its_family(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec())
    vm = make_vm()
    assert allocate(vm, Want(ipv4=1, dhcp4=True, ipv6=3, dhcp6=True)) == []


def test_both_families_come_from_one_network(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec())
    pools.create_pool(pool_spec(vlan=20, start="192.0.2.60", stop="192.0.2.70"))
    pools.create_pool(pool_spec(**V6, vlan=20))
    vm = make_vm()
    rows = allocate(vm, Want(ipv4=1, ipv6=1))
    assert {row.vlan for row in rows} == {20}
    with pytest.raises(NoAddress, match="on vmbr0 VLAN 20"):
        allocate(vm, Want(ipv4=20, ipv6=1))
    assert len(held(vm)) == 2


def test_a_plan_that_names_its_network_gets_that_one(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec())
    tagged = pools.create_pool(pool_spec(vlan=20, start="192.0.2.60", stop="192.0.2.70"))
    vm = make_vm()
    fixed = Want(ipv4=1, auto_bridge=False, bridge="vmbr0", vlan=20)
    assert held_after(vm, fixed) == ["192.0.2.60"]
    assert held_after(vm, Want(ipv4=1, auto_bridge=False, bridge="vmbr0", vlan=0)) == ["192.0.2.2"]
    assert free(tagged) == ["192.0.2.60-192.0.2.70"]
    with pytest.raises(NoAddress, match="another bridge or VLAN"):
        allocate(vm, Want(ipv4=1, auto_bridge=False, bridge="vmbr9"))
    assert held(vm) == ["192.0.2.2"]


def held_after(vm: Vm, want: Want) -> list[str]:
    allocate(vm, want)
    return held(vm)


def test_two_pools_of_one_network_fill_a_want_together(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec(stop="192.0.2.3"))
    pools.create_pool(pool_spec(start="192.0.2.100", stop="192.0.2.101"))
    assert held_after(make_vm(), Want(ipv4=3)) == ["192.0.2.2", "192.0.2.3", "192.0.2.100"]


def test_nothing_is_taken_when_not_everything_fits(make_vm: MakeVm) -> None:
    four = pools.create_pool(pool_spec(stop="192.0.2.3"))
    with pytest.raises(NoAddress) as caught, transaction():
        allocate(make_vm(), Want(ipv4=3))
    sentence = caught.value.sentence
    assert "3 more IPv4" in sentence
    assert f"pool {four.id} (192.0.2.1–192.0.2.3, vmbr0 VLAN 0) has only 2 free" in sentence
    assert free(four) == ["192.0.2.2-192.0.2.3"]
    with pytest.raises(NoAddress, match="has enough IPv4; it has no IPv6 pool"):
        allocate(make_vm(), Want(ipv4=1, ipv6=1))
    assert Address.select().count() == 0


def test_a_caller_may_continue_after_a_refusal(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(stop="192.0.2.3"))
    vm = make_vm()
    with transaction():
        allocate(vm, Want(ipv4=1))
        with pytest.raises(NoAddress):
            allocate(vm, Want(ipv4=5))
    assert held(vm) == ["192.0.2.2"]
    assert free(pool) == ["192.0.2.3"]


def test_a_server_without_pools_says_so(make_vm: MakeVm) -> None:
    with pytest.raises(NoAddress, match=r"it has no IPv4 pool; its address list has nothing free"):
        allocate(make_vm(), Want())


def test_the_legacy_list_serves_when_no_pool_can(server: Server, make_vm: MakeVm) -> None:
    server.assigned_ips = (
        "# old\n"
        "vmbr0|0|192.0.2.3|24|192.0.2.1|9.9.9.9\n"
        "vmbr0|0|192.0.2.90|255.255.255.0|192.0.2.1|8.8.8.8,1.1.1.1\n"
        "vmbr0|0|192.0.2.91|24|192.0.2.1|\n"
        "nonsense\n"
    )
    server.save()
    pools.create_pool(pool_spec(stop="192.0.2.3"))
    vm = make_vm()
    rows = allocate(vm, Want(ipv4=3))
    assert held(vm) == ["192.0.2.2", "192.0.2.3", "192.0.2.90"]
    assert rows[2].pool_id is None
    assert (rows[2].prefix, rows[2].dns1, rows[2].dns2) == (24, "8.8.8.8", "1.1.1.1")
    with pytest.raises(NoAddress, match="cannot be read on line 5"):
        allocate(make_vm(), Want(ipv4=2))
    release(vm)
    assert held_after(make_vm(), Want(ipv4=4))[-1] == "192.0.2.91"


def test_pools_come_before_the_legacy_list(server: Server, make_vm: MakeVm) -> None:
    server.assigned_ips = "vmbr0|0|192.0.2.90|24|192.0.2.1|"
    server.save()
    pools.create_pool(pool_spec(stop="192.0.2.2"))
    pools.create_pool(pool_spec(vlan=7, start="192.0.2.50", stop="192.0.2.51"))
    assert held_after(make_vm(), Want(ipv4=2)) == ["192.0.2.50", "192.0.2.51"]
    assert held_after(make_vm(), Want(ipv4=2)) == ["192.0.2.2", "192.0.2.90"]


def test_a_pool_of_another_server_is_not_used(make_vm: MakeVm) -> None:
    other = Server.create(uid="s2", name="pve2", hosts=["192.0.2.251"])
    pools.create_pool(pool_spec(server="pve2"))
    assert held_after(make_vm(on=other), Want()) == ["192.0.2.2"]
    with pytest.raises(NoAddress):
        allocate(make_vm(), Want())


def test_released_addresses_rest_as_long_as_the_pool_says(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(quarantine_s=60))
    vm = make_vm()
    allocate(vm, Want(ipv4=2))
    assert release(vm) == [ip_address("192.0.2.2"), ip_address("192.0.2.3")]
    assert held_after(make_vm(), Want()) == ["192.0.2.4"]
    resting = Address.get(Address.state == "quarantined")
    assert resting.available_at == resting.released_at + 60_000
    assert sweep_quarantine(resting.available_at - 1) == 0
    assert sweep_quarantine(resting.available_at + 1000, at_most=1) == 1
    assert sweep_quarantine(resting.available_at + 1000) == 1
    assert free(pool) == ["192.0.2.2-192.0.2.3", "192.0.2.5-192.0.2.30"]


def test_one_named_address(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(excluded=("192.0.2.20",)))
    vm, other = make_vm(), make_vm()
    allocate(vm, Want())
    row = assign_specific(vm, "192.0.2.9")
    assert assign_specific(vm, "192.0.2.9").id == row.id
    assert held(vm) == ["192.0.2.2", "192.0.2.9"]
    for address, why in (
        ("192.0.2.9", r"not free: 192.0.2.9 \(service 1, vm1\)"),
        ("192.0.2.20", "never hands out"),
        ("192.0.2.1", "never hands out"),
        ("198.51.100.1", "No pool and no line"),
        ("nonsense", "not an IP address"),
    ):
        with pytest.raises(Refused, match=why):
            assign_specific(other, address)
    assert held(other) == []
    assert free(pool)[0] == "192.0.2.3-192.0.2.8"


def test_a_reserved_address_is_given_only_on_demand(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    pools.reserve(pool, "192.0.2.2", "router")
    vm = make_vm()
    with pytest.raises(Refused, match="reserved: router"):
        assign_specific(vm, "192.0.2.2")
    assign_specific(vm, "192.0.2.2", from_reserved=True)
    assert held(vm) == ["192.0.2.2"]
    release(vm)
    assert free(pool) == ["192.0.2.2-192.0.2.30"]


def test_a_named_address_stays_on_the_one_network_card(make_vm: MakeVm) -> None:
    pools.create_pool(pool_spec())
    pools.create_pool(pool_spec(vlan=20, start="192.0.2.2"))
    vm = make_vm()
    with pytest.raises(Refused, match="on vmbr0 VLAN 0, vmbr0 VLAN 20"):
        assign_specific(vm, "192.0.2.5")
    vm.bridge, vm.vlan = "vmbr0", 20
    assert assign_specific(vm, "192.0.2.5").vlan == 20
    allocate(other := make_vm(), Want(auto_bridge=False, bridge="vmbr0", vlan=0))
    assert assign_specific(other, "192.0.2.5").vlan == 0
