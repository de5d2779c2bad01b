"""`check` is silent about a sound database and finds each fault that is put into it."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest

from engine import audit
from engine.audit import Actor
from engine.ipam.allocate import Want, allocate, release
from engine.ipam.pools import PoolSpec, create_pool, reserve
from engine.store.check import check
from engine.store.database import database, is_postgres, session, transaction
from engine.store.models import Address, FreeRange, Run, Service, Vm, VmidClaim
from tests.store.conftest import Site

SPEC = PoolSpec(
    server="pve",
    type="IPv4",
    bridge="vmbr0",
    vlan=0,
    gateway=ip_address("192.168.130.1"),
    mask=24,
    start=ip_address("192.168.130.2"),
    stop=ip_address("192.168.130.30"),
    excluded=("192.168.130.9-192.168.130.12",),
)


@pytest.fixture
def sound(site: Site) -> Site:
    """The small site with a pool, a held and a reserved address, a VMID, a finished run, an audit row."""
    with transaction():
        pool = create_pool(SPEC)
        reserve(pool, "192.168.130.20", "printer")
        allocate(site.vm, Want())
        Vm.update(vmid=2000, vm_status="ready").execute()
        VmidClaim.create(server=site.server, vmid=2000, vm=site.vm)
        Run.create(vm=site.vm, action="Deploy", from_status="creation", result="success", finished_at=1)
    audit.record(Actor("noc"), "create", "pool", "1", "pool", {}, {})
    assert check() == []
    return site


def _lift_constraints() -> None:
    if is_postgres():
        for table, column in (("address", "vm_id"), ("run", "vm_id")):
            database.execute_sql(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey")
    else:
        database.execute_sql("PRAGMA foreign_keys = 0")


def _lose_free() -> None:
    FreeRange.delete().where(FreeRange.lo == ip_address("192.168.130.13")).execute()


def _free_but_held() -> None:
    FreeRange.create(pool=1, lo=ip_address("192.168.130.2"), hi=ip_address("192.168.130.2"))


def _free_but_excluded() -> None:
    FreeRange.create(pool=1, lo=ip_address("192.168.130.10"), hi=ip_address("192.168.130.11"))


def _split() -> None:
    FreeRange.update(lo=ip_address("192.168.130.26")).where(
        FreeRange.lo == ip_address("192.168.130.21")
    ).execute()
    FreeRange.create(pool=1, lo=ip_address("192.168.130.21"), hi=ip_address("192.168.130.25"))


def _twice() -> None:
    held = Address.get(Address.address == ip_address("192.168.130.2"))
    Address.create(
        server=1, pool=held.pool, bridge="vmbr7", address=held.address, prefix=24, state="reserved"
    )


def _nobodys() -> None:
    Address.update(vm=None).execute()


def _orphan() -> None:
    _lift_constraints()
    Run.update(vm=999).execute()


def _live_and_ended() -> None:
    Run.update(live=1).execute()


def _unclaimed() -> None:
    VmidClaim.delete().execute()


def _other_claim() -> None:
    VmidClaim.create(server=1, vmid=2001, vm=1)


def _terminated() -> None:
    Service.update(status="Terminated").execute()


def _unreadable_secret() -> None:
    Vm.update(os_password="feedbeef:AAAA").execute()


def _broken_chain() -> None:
    database.execute_sql("INSERT INTO audit (at, login, ssh_client, source, action, kind, object_id, object_name, "
                         "reason, before, after, result, previous_hash, hash) VALUES "
                         "(1, '', '', '', 'a', 'k', '', '', '', '{}', '{}', '', 'wrong', 'made-up')")  # fmt: skip


@pytest.mark.parametrize(
    ("harm", "about", "words"),
    [
        (_lose_free, "pools", "192.168.130.13-192.168.130.19 is neither free nor held"),
        (_free_but_held, "pools", "192.168.130.2 counts as free but is held"),
        (_free_but_excluded, "pools", "192.168.130.10-192.168.130.11 counts as free"),
        (_split, "pools", "overlap or are split"),
        (_twice, "addresses", "192.168.130.2 of pool 1 is held 2 times"),
        (_nobodys, "addresses", "192.168.130.2 is assigned but belongs to no VM"),
        (_orphan, "references", "Table run has 1 row whose vm does not exist"),
        (_live_and_ended, "runs", "has ended and still counts as live"),
        (_unclaimed, "VMIDs", "has VMID 2000, which it has not claimed"),
        (_other_claim, "VMIDs", "VMID 2001 is claimed by VM 1, whose VMID is 2000"),
        (_terminated, "services", "is Terminated, but its VM 1 is 'ready'"),
        (_unreadable_secret, "secrets", "vm.os_password of row v-1"),
        (_broken_chain, "audit", "does not follow"),
    ],
)
def test_each_fault_is_found(sound: Site, harm: Callable[[], None], about: str, words: str) -> None:
    with session():
        harm()
        found = check()
    assert [each for each in found if each.about == about and words in each.sentence], found
    assert {each.about for each in found} == {about}


def test_what_allocating_and_releasing_leaves_is_sound(sound: Site) -> None:
    allocate(sound.vm, Want(ipv4=5))
    assert check() == []
    release(sound.vm)
    assert check() == []


def test_a_torn_file_is_found(sound: Site) -> None:
    if is_postgres():
        pytest.skip("PostgreSQL checks its own files")
    with session():
        root = database.execute_sql("SELECT rootpage FROM sqlite_master WHERE name = 'event_at'").fetchone()[
            0
        ]
        size = database.obj.pragma("page_size")
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.obj.close_all()
    with open(database.obj.database, "r+b") as stream:
        stream.seek((root - 1) * size)
        stream.write(b"\xff" * 64)
    assert any(each.about == "integrity" or "damaged" in each.sentence for each in check())
