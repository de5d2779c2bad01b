"""The screens of the site's records, pressed on a real store."""

from __future__ import annotations

import pytest

from engine.actions.products import create_product
from engine.audit import current_actor
from engine.forms import ProductForm, checked
from engine.queries.inventory import product_values
from engine.store.models import Client, Product, Server
from screens.framework.save_dialog import SaveDialog
from screens.help.page import HelpPage
from screens.widgets.dialogs import Dialog, Notice, TypeName
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import until

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB one",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC two",
]
SPEC = {
    "cores": 2,
    "memory": 2048,
    "template": "debian-13",
    "ssh_keys": KEYS,
    "network": {"bridge": "vmbr0", "vlan": 12, "bandwidth": 100},
    "emails": {"welcome": False},
}


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A database with a server, products, clients and VMs."""
    fill()
    return sqlite_store


@pytest.mark.parametrize("name", ["pools", "zones", "products", "servers", "clients"])
async def test_a_place_opens_and_offers_its_form(site: Store, name: str) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.app.open(name)  # type: ignore[attr-defined]
        await settle(pilot)
        assert not place(pilot).query_one(Table).error
        await pilot.press("+")
        await settle(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
        await pilot.press("escape")


async def test_a_client_is_added_and_deleted_by_its_typed_name(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7")
        await settle(pilot)
        await pilot.press("+")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
        await pilot.press(*"Aaa", "tab", *"a@example.com", "enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Dialog))
        await settle(pilot)
        assert Client.get(Client.name == "Aaa").email == "a@example.com"
        await pilot.press("home", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeName))
        await pilot.press(*"Aaa", "enter")
        await until(pilot, lambda: Client.get_or_none(Client.name == "Aaa") is None)
        assert Client.get_or_none(Client.name == "Aaa") is None


async def test_a_read_only_console_asks_no_form(site: Store) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("+")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Dialog)
    assert Product.select().count() == 2


async def test_a_product_opened_and_saved_unchanged_stays_as_it_is(site: Store) -> None:
    create_product(checked(ProductForm, {"name": "Aa", "server": "pve-waw1", **SPEC}), current_actor("cli"))
    before = product_values("Aa")
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("5")
        await settle(pilot)
        await pilot.press("home", "E")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveDialog))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, Notice))
        assert "nothing changed" in pilot.app.screen._words  # type: ignore[attr-defined]
    assert product_values("Aa") == before


async def test_p_pauses_a_server_and_resumes_it(site: Store) -> None:
    Server.update(token_id="kvmtui@pve!console", token_secret="s3cret-value").execute()
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        await settle(pilot)
        for state in ("paused", "enabled"):
            await pilot.press("z")
            await settle(pilot)
            assert Server.get().state == state


async def test_the_help_page_is_searched_by_key_and_by_word(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("6", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpPage))
        shown = pilot.app.screen.query_one(".help-page").render
        whole = str(shown())
        assert whole.startswith("─ Servers ──") and "Everywhere" in whole and "Pause this server" in whole
        await pilot.press("slash", *"pause serv", "enter")
        assert str(shown()).splitlines()[1:] == ["  z             Pause: Pause this server, or resume it."]
        await pilot.press("slash", *"xyz")
        assert "No key here does that" in str(shown())
        await pilot.press("escape")
        assert str(shown()) == whole
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, HelpPage)
