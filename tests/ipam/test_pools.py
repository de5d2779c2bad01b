"""Pools that an operator changes while VMs use their addresses."""

from __future__ import annotations

import pytest

from engine.errors import Refused
from engine.ipam import pools, ranges
from engine.ipam.allocate import Want, addresses_of_vm, allocate, release, sweep_quarantine
from engine.ipam.spans import size
from engine.ipam.usage import PoolUsage
from engine.store.models import Address, FreeRange, Pool, Server

from .conftest import MakeVm, pool_spec


def free(pool: Pool) -> list[str]:
    return [str(run) for run in ranges.free_runs(pool.id)]


@pytest.mark.parametrize(
    ("changes", "runs"),
    [
        ({"start": "192.0.2.0", "stop": "192.0.2.255"}, ["192.0.2.2-192.0.2.254"]),
        ({"start": "192.0.2.5", "stop": "192.0.2.9"}, ["192.0.2.5-192.0.2.9"]),
        ({"mask": 31, "start": "192.0.2.0", "stop": "192.0.2.1"}, ["192.0.2.0"]),
        ({"mask": 32, "start": "198.51.100.7", "stop": "198.51.100.7"}, ["198.51.100.7"]),
        ({"gateway": "0.0.0.1", "mask": 8, "start": "0.0.0.0", "stop": "0.0.0.9"}, ["0.0.0.2-0.0.0.9"]),
        (
            {"gateway": "255.255.255.254", "start": "255.255.255.250", "stop": "255.255.255.255"},
            ["255.255.255.250-255.255.255.253"],
        ),
        (
            {"excluded": ("192.0.2.4", "192.0.2.10-192.0.2.29")},
            ["192.0.2.2-192.0.2.3", "192.0.2.5-192.0.2.9", "192.0.2.30"],
        ),
        (
            {"type": "IPv6", "gateway": "::1", "mask": 126, "start": "::", "stop": "::3"},
            ["::2-::3"],
        ),
        (
            {
                "type": "IPv6",
                "gateway": "fe80::1",
                "mask": 128,
                "start": "2001:db8::7",
                "stop": "2001:db8::7",
            },
            ["2001:db8::7"],
        ),
        (
            {
                "type": "IPv6",
                "gateway": "ffff:ffff:ffff:ffff::1",
                "mask": 64,
                "start": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
                "stop": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            },
            ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
        ),
    ],
)
def test_what_is_never_handed_out(server: Server, changes: dict, runs: list[str]) -> None:
    assert free(pools.create_pool(pool_spec(**changes))) == runs


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"bridge": "vmbr 0"}, "bridge:"),
        ({"vlan": 4095}, "vlan: 4095"),
        ({"type": "IPv5"}, "type:"),
        ({"type": "IPv6"}, "gateway: 192.0.2.1 is not an IPv6 address"),
        ({"mask": 33}, "mask: 33"),
        ({"mask": 0}, "mask: 0"),
        ({"start": "192.0.2.40"}, "stop: 192.0.2.30 comes before start"),
        ({"stop": "192.0.3.1"}, "stop: 192.0.3.1 is outside 192.0.2.0/24"),
        ({"gateway": "192.0.3.1"}, "gateway: 192.0.3.1 is outside"),
        ({"excluded": ("192.0.9.1",)}, "lies outside the pool"),
        ({"excluded": ("192.0.2.9-192.0.2.4",)}, "ends before it starts"),
        ({"excluded": ("what",)}, "not an IP address"),
        ({"excluded": ("192.0.2.9",) * 1001}, "1001 entries"),
        ({"dns1": "dns.example.com"}, "dns1:"),
        ({"quarantine_s": -1}, "quarantine_s"),
        ({"server": "pve9"}, "Server 'pve9' not found"),
        (
            {"type": "IPv6", "gateway": "::1", "mask": 64, "start": "::1", "stop": "::ffff:a00:1"},
            "in IPv6 form",
        ),
        (
            {"type": "IPv6", "gateway": "::1", "mask": 64, "start": "::1", "stop": "::1:0:0:1"},
            "runs over ::ffff:0:0/96",
        ),
    ],
)
def test_a_pool_that_cannot_be_is_refused(server: Server, changes: dict, why: str) -> None:
    with pytest.raises(Refused) as caught:
        pools.create_pool(pool_spec(**changes))
    assert why in caught.value.sentence
    assert Pool.select().count() == 0


def test_pools_of_one_network_do_not_overlap(server: Server) -> None:
    pools.create_pool(pool_spec())
    with pytest.raises(Refused, match="overlaps Pool 1"):
        pools.create_pool(pool_spec(start="192.0.2.30", stop="192.0.2.40"))
    with pytest.raises(Refused, match=r"already has a pool that starts at 192\.0\.2\.1"):
        pools.create_pool(pool_spec(vlan=9))
    pools.create_pool(pool_spec(vlan=9, start="192.0.2.2"))
    pools.create_pool(pool_spec(start="192.0.2.31", stop="192.0.2.40"))
    with pytest.raises(Refused, match="overlaps"):
        pools.update_pool(Pool.get_by_id(1), pool_spec(stop="192.0.2.31"))


def test_edits_leave_what_is_assigned(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(dns1="9.9.9.9"))
    vm = make_vm()
    allocate(vm, Want(ipv4=2))
    before = list(addresses_of_vm(vm))
    moved = pool_spec(bridge="vmbr1", vlan=30, gateway="192.0.2.254", stop="192.0.2.50", dns1="1.1.1.1")
    pools.update_pool(pool, moved)
    after = list(addresses_of_vm(vm))
    assert [row.__data__ for row in after] == [row.__data__ for row in before]
    assert free(pool) == ["192.0.2.1", "192.0.2.4-192.0.2.50"]
    [row] = allocate(make_vm(), Want())
    assert (row.bridge, row.vlan, row.gateway, row.dns1) == ("vmbr1", 30, "192.0.2.254", "1.1.1.1")
    release(vm)
    assert free(pool) == ["192.0.2.2-192.0.2.50"]


def test_shrinking_below_what_is_used_is_refused_with_the_list(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    allocate(make_vm(), Want(ipv4=2))
    pools.reserve(pool, "192.0.2.9", "printer")
    before = free(pool)
    with pytest.raises(Refused) as caught:
        pools.update_pool(pool, pool_spec(start="192.0.2.3", stop="192.0.2.8"))
    assert "192.0.2.2 (service 1, vm1), 192.0.2.9 (reserved: printer)" in caught.value.sentence
    assert free(Pool.get_by_id(pool.id)) == before
    pools.update_pool(pool, pool_spec(start="192.0.2.2", stop="192.0.2.9"))
    assert free(pool) == ["192.0.2.4-192.0.2.8"]


def test_a_list_of_many_is_cut(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    allocate(make_vm(), Want(ipv4=25))
    with pytest.raises(Refused, match=r"192\.0\.2\.21 \(service 1, vm1\) and more"):
        pools.delete_pool(pool)


def test_excluding_a_used_address_only_keeps_it_from_coming_back(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(stop="192.0.2.4"))
    vm = make_vm()
    allocate(vm, Want())
    pools.update_pool(pool, pool_spec(stop="192.0.2.4", excluded=("192.0.2.2",)))
    assert pools.usage()[pool.id] == PoolUsage(total=3, used=1, free=2)
    release(vm)
    assert free(pool) == ["192.0.2.3-192.0.2.4"]
    assert pools.usage()[pool.id] == PoolUsage(total=2, used=0, free=2)


def test_a_gateway_that_a_vm_has_is_refused(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    allocate(make_vm(), Want())
    with pytest.raises(Refused, match=r"gateway 192.0.2.2 is in use by a VM: 192.0.2.2 \(service 1"):
        pools.update_pool(pool, pool_spec(gateway="192.0.2.2"))


def test_a_pool_stays_on_its_server(server: Server) -> None:
    pool = pools.create_pool(pool_spec())
    Server.create(uid="s2", name="pve2", hosts=[])
    with pytest.raises(Refused, match="cannot move to pve2"):
        pools.update_pool(pool, pool_spec(server="pve2"))


def test_deleting_waits_for_the_last_address(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(quarantine_s=60))
    vm = make_vm()
    allocate(vm, Want())
    with pytest.raises(Refused, match=r"192.0.2.2 \(service 1, vm1\)"):
        pools.delete_pool(pool)
    release(vm)
    pools.delete_pool(pool)
    assert Pool.select().count() == FreeRange.select().count() == 0
    with pytest.raises(Refused, match="not found"):
        pools.delete_pool(pool)
    again = pools.create_pool(pool_spec())
    assert free(again) == ["192.0.2.3-192.0.2.30"]  # the rest stays in use
    assert sweep_quarantine(Address.get().available_at) == 1
    assert free(again) == ["192.0.2.2-192.0.2.30"]


def test_a_new_pool_takes_over_what_its_network_holds(server: Server, make_vm: MakeVm) -> None:
    server.assigned_ips = "vmbr0|0|192.0.2.7|24|192.0.2.1|"
    server.save()
    vm = make_vm()
    allocate(vm, Want())
    pool = pools.create_pool(pool_spec())
    assert addresses_of_vm(vm)[0].pool_id == pool.id
    assert free(pool) == ["192.0.2.2-192.0.2.6", "192.0.2.8-192.0.2.30"]
    release(vm)
    assert free(pool) == ["192.0.2.2-192.0.2.30"]


def test_a_pool_moved_away_gets_back_what_another_took_over(make_vm: MakeVm) -> None:
    moved = pools.create_pool(pool_spec())
    vm = make_vm()
    allocate(vm, Want())
    pools.update_pool(moved, pool_spec(vlan=20))
    assert free(moved) == ["192.0.2.3-192.0.2.30"]
    heir = pools.create_pool(pool_spec(start="192.0.2.2"))
    assert addresses_of_vm(vm)[0].pool_id == heir.id
    assert free(moved) == ["192.0.2.2-192.0.2.30"]
    assert free(heir) == ["192.0.2.3-192.0.2.30"]


def test_reserving_and_letting_go(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    vm = make_vm()
    allocate(vm, Want())
    with pytest.raises(Refused, match=r"addresses of 192.0.2.2-192.0.2.4 are in use: 192.0.2.2 \(service 1"):
        pools.reserve(pool, "192.0.2.2-192.0.2.4")
    assert pools.reserve(pool, "192.0.2.3-192.0.2.4", "office") == 2
    assert pools.reserve(pool, "192.0.2.4-192.0.2.5") == 1
    assert free(pool) == ["192.0.2.6-192.0.2.30"]
    assert pools.unreserve(pool, "192.0.2.1-192.0.2.4") == 2
    assert free(pool) == ["192.0.2.3-192.0.2.4", "192.0.2.6-192.0.2.30"]
    with pytest.raises(Refused, match="is not inside"):
        pools.reserve(pool, "192.0.3.1")


def test_a_resting_address_can_be_reserved(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec(quarantine_s=60))
    vm = make_vm()
    allocate(vm, Want())
    release(vm)
    assert pools.reserve(pool, "192.0.2.2") == 1
    assert sweep_quarantine(10**15) == 0
    assert free(pool) == ["192.0.2.3-192.0.2.30"]


def test_a_large_pool_is_counted_and_not_listed(make_vm: MakeVm) -> None:
    v6 = {
        "type": "IPv6",
        "gateway": "2001:db8::1",
        "mask": 48,
        "start": "2001:db8::",
        "stop": "2001:db8:0:ffff::",
    }
    pool = pools.create_pool(pool_spec(**v6))
    allocate(make_vm(), Want(ipv4=0, ipv6=3))
    found = pools.usage([pool.id])[pool.id]
    assert found == PoolUsage(total=(0xFFFF << 64) - 1, used=3, free=(0xFFFF << 64) - 4)
    assert found.free == size(ranges.free_runs(pool.id))
    with pytest.raises(Refused, match="at most 4096"):
        pools.reserve(pool, "2001:db8::-2001:db8:0:f::")
    assert pools.usage([]) == {}


def test_who_has_which_page_by_page(make_vm: MakeVm) -> None:
    pool = pools.create_pool(pool_spec())
    vm = make_vm()
    first, _ = allocate(vm, Want(ipv4=2))
    first.rdns = "mail.example.com"
    first.save()
    pools.reserve(pool, "192.0.2.9", "printer")
    page = pools.who_has(pool, offset=0, limit=2)
    assert [(str(h.address), h.service_id, h.vm, h.rdns) for h in page] == [
        ("192.0.2.2", vm.service_id, "vm1", "mail.example.com"),
        ("192.0.2.3", vm.service_id, "vm1", "vm1.example.com"),
    ]
    [last] = pools.who_has(pool, offset=2, limit=2)
    assert (last.service_id, last.state, last.note) == (None, "reserved", "printer")


def test_an_address_held_on_two_networks_of_a_moved_pool_is_free_after_both(
    server: Server, make_vm: MakeVm
) -> None:
    pool = pools.create_pool(pool_spec(stop="192.0.2.3"))
    before, listed = make_vm(), make_vm()
    allocate(before, Want())
    server.assigned_ips = "vmbr0|20|192.0.2.2|24|192.0.2.1|"
    server.save()
    listed.server.assigned_ips = server.assigned_ips
    allocate(listed, Want(auto_bridge=False, bridge="vmbr0", vlan=20))
    pools.update_pool(pool, pool_spec(stop="192.0.2.3", vlan=20))
    assert addresses_of_vm(listed)[0].pool_id == pool.id
    release(listed)
    assert free(pool) == ["192.0.2.3"]
    release(before)
    assert free(pool) == ["192.0.2.2-192.0.2.3"]
