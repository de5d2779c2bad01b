"""Every key of pools, zones, products and servers that changes something, pressed on a real store."""

from __future__ import annotations

import pytest

from engine.queries.inventory import product_values, zone_values
from engine.store.models import (
    DnsRecord,
    Pool,
    Product,
    Server,
    Zone,
)
from screens.framework.record_view import RecordView
from screens.framework.save_dialog import SaveDialog
from screens.widgets.dialogs import Choose, Notice, TypeName
from tests.conftest import Store
from tests.screens.console_site import console, place
from tests.screens.pressing import at, dialog, fill, gone, press, shown_messages, until, words
from tests.screens.site_records import records

POOLS, ZONES, PRODUCTS, SERVERS, CLIENTS = "34567"
SIZE = (100, 40)
KEYS = [f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'ABCDEFGH'[n] * 43} host{n}" for n in range(2)]


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A store with a record of every kind."""
    records()
    return sqlite_store


# Pools


async def test_a_pool_is_added_with_its_reverse_zone_reported_as_it_is_typed(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS)
        await press(pilot, "+")
        form = (await dialog(pilot, SaveDialog)).form
        for name, value in {
            "server": "pve-waw1",
            "type": "IPv4",
            "gateway": "192.0.2.129",
            "mask": "25",
        }.items():
            form.fill(name, value)
            await pilot.pause()
        assert "Part of a zone: kept in 2.0.192.in-addr.arpa/Cloudflare" in words(pilot)
        form.fill("mask", "23")
        await pilot.pause()
        assert "2 zones, 2.0.192.in-addr.arpa to 3.0.192.in-addr.arpa; only 1 of 2" in " ".join(
            words(pilot).split()
        )
        form.fill("gateway", "203.0.113.1")
        form.fill("mask", "24")
        await fill(pilot, start="203.0.113.9", stop="203.0.113.4", bridge="vmbr9")
        assert isinstance(pilot.app.screen, SaveDialog)
        await fill(pilot, start="203.0.113.4", stop="203.0.113.9")
        await gone(pilot)
        assert "Pool pve-waw1 203.0.113.4 created." in shown_messages(pilot)
    pool = Pool.get(Pool.bridge == "vmbr9")
    assert (str(pool.start), str(pool.stop), pool.mask) == ("203.0.113.4", "203.0.113.9", 24)


async def test_a_pool_that_overlaps_is_refused_with_a_sentence_and_the_form_stays(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS)
        await press(pilot, "+")
        values = {"server": "pve-waw1", "type": "IPv4", "gateway": "192.0.2.1", "mask": "24"}
        await fill(pilot, **values, start="192.0.2.15", stop="192.0.2.40")
        await until(pilot, lambda: "[-]" in words(pilot))
        assert isinstance(pilot.app.screen, SaveDialog)
    assert Pool.select().count() == 3


async def test_a_pool_is_edited(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS, 1)
        await press(pilot, "E")
        await fill(pilot, dns2="1.1.1.1", excluded=["192.0.2.12", "192.0.2.13-192.0.2.14"])
        await gone(pilot)
    assert (Pool.get_by_id(1).dns2, len(Pool.get_by_id(1).excluded)) == ("1.1.1.1", 2)


async def test_a_pool_in_use_is_not_deleted_and_says_who_uses_it(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS, 1)
        await press(pilot, "D")
        await dialog(pilot, TypeName)
        await press(pilot, *"192.0.2.10", "enter")
        notice = await dialog(pilot, Notice)
        assert "in use and was not deleted" in notice._words and "192.0.2.10" in notice._words
    assert Pool.select().count() == 3


async def test_a_pool_nobody_uses_is_deleted(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS, 2)
        await press(pilot, "D")
        await dialog(pilot, TypeName)
        await press(pilot, *"198.51.100.2", "enter")
        await gone(pilot)
    assert {row.id for row in Pool.select()} == {1, 3}


async def test_who_has_which_address_is_searched_and_opens_the_vm(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, POOLS, 1)
        await press(pilot, "enter")
        holders = await dialog(pilot, RecordView)
        assert holders.table.count == 7
        await press(pilot, "/", *"vps-5548", "enter")
        assert holders.table.count == 1
        await press(pilot, "enter")
        await gone(pilot)
        assert place(pilot).service_id == 5548  # type: ignore[attr-defined]


# Zones


@pytest.mark.parametrize(
    ("kind", "answers", "endpoint"),
    [
        ("powerdns", {"server_url": "https://ns9.example.net:8081", "api_key": "k"}, "https://ns9.example.net:8081"),
        ("cloudflare", {"zone_id": "abc123", "api_token": "t"}, "abc123"),
        ("hestiacp", {"server_url": "https://h.example.net:8083", "user": "u", "access_key": "a", "secret_key": "s"},
         "https://h.example.net:8083"),
    ],
)  # fmt: skip
async def test_a_zone_is_added_with_the_fields_of_its_provider(
    kind: str, answers: dict[str, object], endpoint: str, site: Store
) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, ZONES)
        await press(pilot, "+")
        form = (await dialog(pilot, SaveDialog)).form
        assert not set(answers) & set(form.values)
        form.fill("type", kind)
        await pilot.pause()
        assert set(answers) <= set(form.values)
        await fill(pilot, zone="New.Example.NET.", **answers)
        await gone(pilot)
    row = Zone.get(Zone.name == "new.example.net")
    assert (row.type, row.endpoint.rstrip("/")) == (kind, endpoint)
    assert all(value not in str(row.secrets) for value in ("'k'", "'t'", "'s'"))


async def test_an_edited_zone_keeps_the_secret_nobody_typed_over(site: Store) -> None:
    Zone.update(secrets={"api_key": "sealed-as-it-is"}).where(Zone.id == 1).execute()
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, ZONES, 1)
        await press(pilot, "E")
        await dialog(pilot, SaveDialog)
        assert "(unchanged — type to replace)" in words(pilot)
        await fill(pilot, ttl="600")
        await gone(pilot)
    row = Zone.get_by_id(1)
    assert (row.ttl, row.secrets["api_key"]) == (600, "sealed-as-it-is")
    assert zone_values(1)["api_key"] == "__KEEP__"


async def test_a_zone_with_records_of_ours_is_kept_unless_they_are_forgotten(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, ZONES, 1)
        await press(pilot, "D")
        assert isinstance(await dialog(pilot, Choose), Choose)
        await press(pilot, "enter")
        await gone(pilot)
        assert Zone.select().count() == 3 and DnsRecord.select().count() == 2
        await press(pilot, "D", "down", "enter")
        await dialog(pilot, TypeName)
        assert "2 records of ours stay at the provider" in words(pilot)
        await press(pilot, *"example.com", "enter")
        await gone(pilot)
    assert Zone.get_or_none(Zone.id == 1) is None and DnsRecord.select().count() == 0


async def test_a_zone_without_records_needs_its_name_only(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, ZONES, 2)
        await press(pilot, "D")
        await dialog(pilot, TypeName)
        await press(pilot, *"2.0.192.in-addr.arpa", "enter")
        await gone(pilot)
    assert Zone.get_or_none(Zone.id == 2) is None


# Products


async def test_a_product_is_added_with_its_names_shown_as_they_are_typed(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, PRODUCTS)
        await press(pilot, "+")
        form = (await dialog(pilot, SaveDialog)).form
        form.fill("name_rule", "vm{service_id}")
        await pilot.pause()
        assert "vm5546" in words(pilot)
        form.fill("main_domain", "kvm.example.com")
        await pilot.pause()
        assert "vm5546.kvm.example.com" in words(pilot)
        await fill(pilot, name="Big", server="pve-waw1", template="debian-13", memory="4096", ssh_keys=KEYS)
        await gone(pilot)
    spec = product_values("Big")
    assert (spec["memory"], spec["ssh_keys"], spec["name_rule"]) == (4096, KEYS, "vm{service_id}")


async def test_a_product_is_edited_section_by_section_from_the_keyboard(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, PRODUCTS, "VPS-XL")
        await press(pilot, "E")
        await dialog(pilot, SaveDialog)
        await press(
            pilot,
            "pagedown",
            "down",
            *"250",
            "pagedown",
            "pagedown",
            "pagedown",
            "down",
            "delete",
            *"120",
            "ctrl+o",
        )
        await gone(pilot)
    values = product_values("VPS-XL")
    assert (values["network"]["bandwidth"], values["system_disk"]["size"]) == (250, 120)


async def test_what_is_wrong_is_reported_under_its_question_and_nothing_is_saved(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, PRODUCTS, "VPS-XL")
        await press(pilot, "E")
        form = (await fill(pilot, ssh_keys=["not a key"], backups="2")).form
        assert form._questions["ssh_keys"].has_class("wrong")
        assert "Line 1:" in form._questions["ssh_keys"]._error
        await fill(pilot, ssh_keys=[])
        assert "backups need a place" in form._questions["backup_storage"]._error
    assert product_values("VPS-XL")["backups"] == 0


async def test_a_product_that_somebody_else_changed_is_not_overwritten(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, PRODUCTS, "VPS-XL")
        await press(pilot, "E")
        await dialog(pilot, SaveDialog)
        row = Product.get(Product.name == "VPS-XL")
        Product.update(spec={**row.spec, "cores": 16}).where(Product.id == row.id).execute()
        await fill(pilot, memory="512")
        await until(pilot, lambda: "Product VPS-XL was not saved: somebody changed it" in words(pilot))
    assert (product_values("VPS-XL")["cores"], product_values("VPS-XL")["memory"]) == (16, 8192)


async def test_a_product_in_use_is_not_deleted_and_another_is(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, PRODUCTS, "VPS-1")
        await press(pilot, "D", *"VPS-1", "enter")
        assert "not deleted" in (await dialog(pilot, Notice))._title
        await press(pilot, "escape")
        await at(pilot, CLIENTS)
        await at(pilot, PRODUCTS, "VPS-2")
        await press(pilot, "D", *"VPS-2", "enter")
        await gone(pilot)
    assert {row.name for row in Product.select()} == {"VPS-1", "VPS-XL"}


# Servers


async def test_a_server_is_added_with_a_token_and_a_pin_and_never_shows_the_secret(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVERS)
        await press(pilot, "+")
        form = (await dialog(pilot, SaveDialog)).form
        assert "token_id" in form.values and "password" not in form.values
        form.fill("trust", "a pinned fingerprint")
        await pilot.pause()
        assert "tls__fingerprint" in form.values
        await fill(
            pilot, name="pve-new", hosts=["10.9.0.1", "10.9.0.2"], token_id="kvm@pve!tui", token_secret="s3cret-0000",
            tls__fingerprint=":".join(["AB"] * 32),
        )  # fmt: skip
        await gone(pilot)
        await press(pilot, "E")
        assert "s3cret" not in words(pilot)
    row = Server.get(Server.name == "pve-new")
    assert row.hosts == ["10.9.0.1", "10.9.0.2"] and row.tls == {"fingerprint": ":".join(["AB"] * 32)}
    assert row.token_secret and "s3cret" not in row.token_secret


async def test_a_server_in_use_is_not_deleted_and_another_is(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVERS, "pve-waw1")
        await press(pilot, "D", *"pve-waw1", "enter")
        assert "not deleted" in (await dialog(pilot, Notice))._title
        await press(pilot, "escape", "home", "D", *"pve-far", "enter")
        await gone(pilot)
    assert {row.name for row in Server.select()} == {"pve-krk1", "pve-waw1"}


# Clients
