"""Who has which address: a page at a time, searched in the database, also in a range nobody could list."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from engine.ipam import assignments
from engine.queries.pools import beginning_with, held_count, index_of_held
from engine.queries.pools import held as page_of
from engine.store.models import Address, Client, Pool, Product, Server, Service, Vm
from tests.conftest import Store

MANY = 120


@pytest.fixture
def pool(store: Store) -> int:
    """A /64 with VMs spread over it, one of them with its own reverse name, and a reserved address."""
    server = Server.create(uid="s", name="pve1", hosts=["h"])
    product = Product.create(name="p", server=server, spec={})
    client = Client.create(name="c")
    row = Pool.create(
        server=server, type="IPv6", bridge="vmbr0", gateway="2001:db8::1", mask=64,
        start=ip_address("2001:db8::2"), stop=ip_address("2001:db8::ffff:ffff:ffff:ffff"),
    )  # fmt: skip
    for number in range(MANY):
        service = Service.create(id=7000 + number, client=client, product=product, status="Active")
        vm = Vm.create(
            uid=f"v{number}", service=service, server=server, name=f"Box-{number}", domain="example.com"
        )
        address = ip_address(f"2001:db8::{number % 7:x}:{number + 16:x}")
        Address.create(
            server=server, bridge="vmbr0", address=address, vm=vm, pool=row, prefix=64, gateway="g"
        )
    Address.update(rdns="mail.example.org").where(Address.vm == 1).execute()
    Address.create(
        server=server, bridge="vmbr0", address=ip_address("2001:db8::9:9"), pool=row, prefix=64, gateway="g",
        state="reserved", note="kept for 100% of_nobody",
    )  # fmt: skip
    assignments.refill(row)
    return int(row.id)


def test_pages_follow_each_other_in_the_order_of_the_addresses(pool: int) -> None:
    pages = [page_of(pool, offset, 50) for offset in (0, 50, 100, 150)]
    found = [each.address for page in pages for each in page]
    assert [len(page) for page in pages] == [50, 50, MANY + 1 - 100, 0]
    assert found == sorted(found, key=ip_address) and len(set(found)) == held_count(pool) == MANY + 1
    assert [index_of_held(pool, address) for address in found[::17]] == list(range(0, len(found), 17))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("box-77", ["Box-77"]),
        ("7042", ["Box-42"]),
        ("mail.example.org", ["Box-0"]),
        ("reserved nobody", ["kept for 100% of_nobody"]),
        ("100%", ["kept for 100% of_nobody"]),
        ("of_nobody", ["kept for 100% of_nobody"]),
        ("2001:db8::9:9", ["kept for 100% of_nobody"]),
        ("box-7 nothing-such", []),
    ],
)
def test_it_is_found_by_name_service_reverse_name_note_and_address(
    pool: int, text: str, names: list[str]
) -> None:
    assert [each.name for each in page_of(pool, text=text)] == names
    assert held_count(pool, text) == len(names)


def test_an_address_that_does_not_fit_the_filter_has_no_place(pool: int) -> None:
    address = page_of(pool, text="box-77")[0].address
    assert index_of_held(pool, address, "box-77") == 0
    assert index_of_held(pool, address, "box-78") is None
    assert index_of_held(pool, "2001:db8::dead", "") is None


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("192.168.", ("192.168.0.0", "192.168.255.255")),
        ("10.1.2.3", ("10.1.2.3", "10.1.2.3")),
        ("2001:db8:", ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")),
    ],
)
def test_what_is_typed_of_an_address_is_a_range(text: str, ends: tuple[str, str]) -> None:
    assert beginning_with(text) == tuple(map(ip_address, ends))


@pytest.mark.parametrize("text", ["", ".", "300.", "7042", "box", "1.2.3.4.5.", "::::", "g:", "..."])
def test_what_begins_no_address_is_no_range(text: str) -> None:
    assert beginning_with(text) is None
