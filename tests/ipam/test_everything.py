"""Any order of allocations, releases, reservations and edits keeps the books right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from engine.errors import KvmtuiError
from engine.ipam import pools, ranges
from engine.ipam.allocate import Want, addresses_of_vm, allocate, assign_specific, release, sweep_quarantine
from engine.ipam.spans import number
from engine.ipam.spec import network_of, spec_of, usable
from engine.store.database import transaction
from engine.store.models import Address, FreeRange, Pool, Server, Vm
from tests import seeds

from .conftest import MakeVm, pool_spec

TAILS = st.integers(1, 12)
VLANS = st.sampled_from([0, 20])
WHOLE_REST = 10**15


def _nth(n: int) -> Pool:
    """The first or second pool; the last one if that was deleted."""
    every = list(Pool.select().order_by(Pool.id))
    return every[min(n, len(every) - 1)]


class Books(RuleBasedStateMachine):
    """Two pools, three VMs, a legacy list; free, used and listed addresses must always add up."""

    make_vms: Callable[[], list[Vm]]

    @initialize()
    def site(self) -> None:
        with transaction():
            for table in (Address, FreeRange, Pool):
                table.delete().execute()
        self.vms = self.make_vms()
        pools.create_pool(pool_spec(start="192.0.2.1", stop="192.0.2.6"))
        pools.create_pool(pool_spec(vlan=20, start="192.0.2.2", stop="192.0.2.12", quarantine_s=60))

    def _try(self, work: Callable[[], Any]) -> None:
        before = sorted((str(row.address), row.vlan) for row in Address.select())
        try:
            work()
        except KvmtuiError:
            assert sorted((str(row.address), row.vlan) for row in Address.select()) == before

    @rule(n=st.integers(0, 2), count=st.integers(0, 4), auto=st.booleans(), vlan=VLANS)
    def allocate(self, n: int, count: int, auto: bool, vlan: int) -> None:
        want = Want(ipv4=count, auto_bridge=auto, bridge="vmbr0", vlan=vlan)
        self._try(lambda: allocate(self.vms[n], want))

    @rule(n=st.integers(0, 2), tail=TAILS, reserved=st.booleans())
    def assign(self, n: int, tail: int, reserved: bool) -> None:
        self._try(lambda: assign_specific(self.vms[n], f"192.0.2.{tail}", from_reserved=reserved))

    @rule(n=st.integers(0, 2))
    def release(self, n: int) -> None:
        release(self.vms[n])
        assert addresses_of_vm(self.vms[n]) == []

    @rule(n=st.integers(0, 1), tail=TAILS, back=st.booleans())
    def reserve(self, n: int, tail: int, back: bool) -> None:
        change = pools.unreserve if back else pools.reserve
        self._try(lambda: change(_nth(n), f"192.0.2.{tail}"))

    @rule(n=st.integers(0, 1), start=TAILS, stop=TAILS, vlan=VLANS, gateway=TAILS, out=st.none() | TAILS)
    def edit(self, n: int, start: int, stop: int, vlan: int, gateway: int, out: int | None) -> None:
        pool = _nth(n)
        changed = pool_spec(
            vlan=vlan,
            start=f"192.0.2.{start}",
            stop=f"192.0.2.{stop}",
            gateway=f"192.0.2.{gateway}",
            excluded=(f"192.0.2.{out}",) if out else (),
            quarantine_s=pool.quarantine_s,
        )
        self._try(lambda: pools.update_pool(pool, changed))

    @rule(n=st.integers(0, 1), vlan=VLANS, start=TAILS, stop=TAILS)
    def replace(self, n: int, vlan: int, start: int, stop: int) -> None:
        self._try(lambda: pools.delete_pool(_nth(n)))
        made = pool_spec(vlan=vlan, start=f"192.0.2.{start}", stop=f"192.0.2.{stop}")
        if Pool.select().count() < 2:
            self._try(lambda: pools.create_pool(made))
        if not Pool.select().exists():
            pools.create_pool(pool_spec())

    @rule()
    def sweep(self) -> None:
        sweep_quarantine(WHOLE_REST)
        assert not Address.select().where(Address.state == "quarantined").exists()

    @invariant()
    def what_is_free_is_what_may_be_and_is_not_held(self) -> None:
        counted = pools.usage()
        for pool in Pool.select():
            spec = spec_of(pool)
            may = {n for run in usable(spec) for n in range(run.lo, run.hi + 1)}
            held = {number(row.address) for row in Address.select().where(Address.pool == pool.id)}
            free = {n for run in ranges.free_runs(pool.id) for n in range(run.lo, run.hi + 1)}
            assert free == may - held
            assert number(spec.gateway) not in free
            assert number(network_of(spec).network_address) not in free
            if len(held) == Address.select().where(Address.pool == pool.id).count():
                assert counted[pool.id].free == len(free)

    @invariant()
    def nothing_free_is_held_on_that_network(self) -> None:
        for pool in Pool.select():
            here = Address.select().where(Address.bridge == pool.bridge, Address.vlan == pool.vlan)
            held = {number(row.address) for row in here}
            assert not held & {n for run in ranges.free_runs(pool.id) for n in range(run.lo, run.hi + 1)}

    @invariant()
    def a_vm_is_on_one_network_and_its_main_address_comes_first(self) -> None:
        for vm in self.vms:
            mine = addresses_of_vm(vm)
            assert len({(row.bridge, row.vlan) for row in mine}) <= 1
            assert [row.position for row in mine] == list(range(len(mine)))


def test_the_books_are_right(server: Server, make_vm: MakeVm) -> None:
    server.assigned_ips = "\n".join(
        f"vmbr0|{v}|192.0.2.{n}|24|192.0.2.1|" for v in (0, 20) for n in (5, 9, 40)
    )
    server.save()
    vms = [make_vm() for _ in range(3)]
    machine = type("Here", (Books,), {"make_vms": lambda self: vms})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=seeds.examples(12),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
