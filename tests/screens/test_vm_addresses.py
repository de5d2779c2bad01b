"""The addresses of a VM: many of them, what DNS has of each, and a reverse name given from its line."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.errors import Refused
from engine.queries.addresses import addresses_of
from engine.store.models import Address, Audit, DnsRecord, Vm, Zone
from screens.vm.tabs.overview import OverviewTab
from screens.widgets.dialogs import Notice
from screens.widgets.form import FormDialog
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle
from tests.screens.pressing import until
from tests.screens.test_vm_maintenance import press, shown_messages

READY = 5546


@pytest.fixture
def vm(sqlite_store: Store) -> Vm:
    """A VM with sixty addresses of both families, and zones for the first of them."""
    fill()
    vm = Vm.get(Vm.service == READY)
    for number in range(59):
        words = f"198.51.100.{number + 1}" if number % 2 else f"2001:db8::{number + 1:x}"
        Address.create(
            server=vm.server, bridge="vmbr1", vlan=7, address=ip_address(words), vm=vm, prefix=24, position=number + 1,
            rdns="own.example.net" if number == 0 else "",
        )  # fmt: skip
    zone = Zone.create(
        uid="z-1",
        name="2.0.192.in-addr.arpa",
        type="powerdns",
        endpoint="https://pdns.example.com",
        config={"server_url": "https://pdns.example.com"},
    )
    DnsRecord.create(
        zone=zone, vm=vm, name="10.2.0.192.in-addr.arpa", type="PTR", content="vps-5546.example.com.", state="pending",
        error="PowerDNS does not answer.",
    )  # fmt: skip
    return vm


def test_each_address_shows_its_name_and_whether_dns_has_it(vm: Vm) -> None:
    first, second, *rest = addresses_of(READY)
    assert (first.address, first.kept, first.error) == (
        "192.0.2.10",
        "pending",
        "PowerDNS does not answer.",
    )
    assert (first.rdns, first.own) == ("vps-5546.example.com", False)
    assert (second.rdns, second.own, second.kept) == ("own.example.net", True, "no zone")
    assert len(rest) == 58
    for state, kept in (("conflict", "conflict"), ("written", "written"), ("deleting", "deleting")):
        DnsRecord.update(state=state, error="").execute()
        assert addresses_of(READY)[0].kept == kept
    DnsRecord.delete().execute()
    assert addresses_of(READY)[0].kept == "not written"
    with pytest.raises(Refused):
        addresses_of(1)


async def page(pilot: Pilot[Any], tab: str) -> Any:
    await settle(pilot)
    await pilot.app.open_vm(READY)  # type: ignore[attr-defined]
    await pilot.app.current_screen.do_tab(tab)  # type: ignore[attr-defined]
    await settle(pilot)
    return pilot.app.current_screen.tab  # type: ignore[attr-defined]


async def test_sixty_addresses_are_a_list_that_is_filtered_and_the_overview_stays_short(vm: Vm) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await page(pilot, "addresses")
        assert tab.list.count == 60
        await press(pilot, "/", *"own.example", "enter")
        assert tab.list.count == 1
        overview: OverviewTab = await page(pilot, "overview")
        words = overview._sheet.words
        assert sum("/24" in line for line in words) == 4
        assert any("and 56 more in the Addresses tab" in line for line in words)


async def test_enter_gives_the_address_of_the_line_its_name(vm: Vm) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await page(pilot, "addresses")
        await press(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, FormDialog))
        await press(pilot, "end", *["backspace"] * 20, *"mail.example.com", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Notice))
        await settle(pilot)
    assert Address.get(Address.address == ip_address("2001:db8::1")).rdns == "mail.example.com"
    assert [row.action for row in Audit.select()] == ["rdns"]


async def test_a_vm_without_an_address_says_so_and_a_read_only_console_refuses(vm: Vm) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await page(pilot, "addresses")
        await press(pilot, "enter")
        assert "Read-only" in shown_messages(pilot)[-1]
    Address.delete().where(Address.vm == vm.id).execute()
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await page(pilot, "addresses")
        assert tab.list.count == 0
        await press(pilot, "N")
        assert "no address yet" in shown_messages(pilot)[-1]
