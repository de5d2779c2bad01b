"""The palette and `:` find actions and records by name; the database is asked outside the UI thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from engine.queries import names
from engine.queries.names import match, named
from engine.store.models import Client, Product, Server, Vm
from screens.shell import goto
from tests.conftest import Store
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import press


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """Six VMs of three clients."""
    fill()
    return sqlite_store


def lines(pilot: Pilot[Any]) -> list[str]:
    """What the open palette lists, a line each."""
    options = pilot.app.screen.query_one("CommandList").options  # type: ignore[attr-defined]
    return [" ".join(str(each.prompt).split()) for each in options]


async def test_the_palette_lists_the_actions_of_the_screen_first_with_their_keys(site: Store) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "5", "ctrl+p")
        assert isinstance(pilot.app.screen, CommandPalette)
        listed = lines(pilot)
        assert listed[0].startswith("Add + Add a product.")
        assert listed.index("! Delete D Delete this product.") < listed.index(
            "Filter / Show only rows that hold what you type."
        )
        moves = ("Up ", "Down ", "Page ", "First home", "Last end", "Next ", "Follow")
        assert [line for line in listed if line.startswith(moves)] == []


async def test_the_palette_finds_records_after_actions_and_opens_them(site: Store) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+p", *"vps")
        kinds = [line.split()[1] for line in lines(pilot) if line.startswith(("vps-55", "VPS-"))]
        assert kinds == ["vm"] * 6 + ["product"] * 2
        await press(pilot, *"5548", "enter")
        assert place(pilot).service_id == 5548  # type: ignore[attr-defined]
        await press(pilot, "ctrl+p", *"brls", "enter")
        assert place(pilot).NAME == "clients"
        assert place(pilot).list.cursor_key == "Borealis"  # type: ignore[attr-defined]


async def test_names_are_read_outside_the_ui_thread(site: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []
    whole = names._SOURCES["client"]

    def recording(words: str, most: int) -> Any:
        threads.append(threading.current_thread())
        return whole(words, most)

    monkeypatch.setitem(names._SOURCES, "client", recording)
    async with console().run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+p", "a", "escape", ":", *"Acme", "enter")
        assert place(pilot).NAME == "clients"
    assert len(threads) >= 2
    assert threading.main_thread() not in threads


@pytest.mark.parametrize(
    ("words", "screen", "key"),
    [
        ("Acme", "clients", "Acme"),
        ("boreal", "clients", "Borealis"),
        ("vps-2", "products", "VPS-2"),
        ("waw", "servers", "pve-waw1"),
        ("audit", "audit", None),
        ("DNS Zones", "zones", None),
        ("retention", "settings", "retention"),
        ("scheduleBackup", "settings", "scheduleBackup"),
    ],
)
async def test_goto_takes_everything_that_has_a_name(
    words: str, screen: str, key: str | None, site: Store
) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, ":", *words, "enter")
        assert screen == place(pilot).NAME
        if key is not None:
            assert place(pilot).list.cursor_key == key  # type: ignore[attr-defined]


async def test_goto_asks_when_several_are_meant_and_says_when_nothing_is(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, ":", *"vps-554", "enter")
        await press(pilot, "down", "enter")
        assert place(pilot).service_id == 5547  # type: ignore[attr-defined]
        await press(pilot, ":", *"zzz", "enter")
        said = [note.message for note in pilot.app._notifications]
        assert said == ["Nothing is called 'zzz'. Type part of a name, an id or an address."]


def test_an_exact_name_of_two_kinds_is_asked_for(site: Store) -> None:
    Client.create(name="pve-waw1", created_at=0)
    assert [each.label for each in goto.destinations("pve-waw1")] == ["client pve-waw1", "server pve-waw1"]


def test_the_best_match_comes_first() -> None:
    order = ["acme", "acme-2", "big-acme", "pacmen", "a-c-m-e"]
    scores = [match("acme", each) for each in order]
    assert all(each is not None for each in scores)
    assert scores == sorted(scores, key=lambda each: -(each or 0))
    assert match("emca", "acme") is None


def test_names_with_wildcards_are_only_names(site: Store) -> None:
    Client.create(name="100%_\\", created_at=0)
    assert [each.name for each in named("%", ("client",))] == ["100%_\\"]
    assert [each.name for each in named("0_", ("client",))] == ["100%_\\"]
    assert named("%%", ("client",)) == [] == named("  ")


def test_no_more_than_asked_for_of_each_kind_is_read(site: Store) -> None:
    server = Server.get()
    for number in range(30):
        Product.create(name=f"Plan-{number}", server=server, spec={}, created_at=0)
    assert len(named("plan", most=7)) == 7
    assert len(named("v", ("vm",), most=3)) == 3 < Vm.select().count()
