"""Strangers' words in every row of the store, and the keys of every screen pressed over them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions.zones import create_zone
from engine.audit import current_actor, record
from engine.forms import zone_form
from engine.store import models
from engine.work.events import announce
from screens.common.actions import ACTIONS, EVERYWHERE, SCREENS, TOGETHER, Action
from screens.vm.tabs.tab import TABS
from screens.widgets.table import Table
from tests import seeds
from tests.conftest import Store
from tests.screens.console_site import console, place
from tests.screens.pressing import until
from tests.screens.site_records import records

SEEN = "a[/b]"
TRICKS = (
    *(
        "",
        "\x1b]0;x\x07",
        "\x1b[31mred",
        "\x9b31m",
        "\u202egnp",
        "\u200b\u2066",
        "web [prod]",
        "two\nlines\ttab",
    ),
    *(
        "[@click=app.quit]x[/]",
        "日本語" * 50,
        "e" + "\u0301" * 30,
        "x" * 10_000,
        "$x {y} %s \\[",
        "\x00",
        "\x85\u2028",
    ),
)
WRITTEN_BY_STRANGERS = frozenset(
    {"name", "notes", "note", "error", "last_error", "why", "wait_why", "rdns", "domain", "vm_name", "node"}
    | {"template", "os_user", "version", "email", "content", "reason", "object_name", "login", "ssh_client"}
    | {"text", "good_host", "label", "recipient", "host"}
)
LEAVES = {"app.quit", "vm.console", "vm.screen"}
EVERY = int(os.environ.get("KVMTUI_KEYS_STRIDE", "4"))
"""One key of this many is pressed, chosen at random; `make soak` presses all of them."""


def words() -> Iterator[str]:
    """Words without end, each beginning with what must be seen and no two the same."""
    for number, trick in enumerate(cycle(TRICKS)):
        yield f"{SEEN}{number}{trick}"


def poison() -> None:
    """Gives every field that a stranger may have written such a word; keys and states stay."""
    given = words()
    for model in models.TABLES:
        if model in (models.Audit, models.TaskState):  # the one is never changed, the other has names of ours
            continue
        names = WRITTEN_BY_STRANGERS & set(model._meta.fields) - {model._meta.primary_key.name}
        for row in list(model.select()) if names else ():
            key = getattr(row, model._meta.primary_key.name)
            taken = {
                name: [next(given)] if name == "notes" and model is models.Step else next(given)
                for name in names
            }
            model.update(**taken).where(model._meta.primary_key == key).execute()


@pytest.fixture
def hostile_site(sqlite_store: Store) -> Store:
    """A site in which nobody has an honest name."""
    records()
    values = {"type": "powerdns", "zone": "example.net", "server_url": "https://127.0.0.1:9", "api_key": "k"}
    form = zone_form(values)
    create_zone(form, current_actor("console"))
    reached = models.Zone.get(models.Zone.name == "example.net")
    models.DnsRecord.update(zone=reached).execute()
    models.Zone.delete().where(models.Zone.id != reached.id).execute()
    client = models.Client.get()
    for word in map(SEEN.__add__, TRICKS):
        record(
            current_actor("console"),
            "change",
            "client",
            client.id,
            word,
            {"name": word},
            {"name": word + "2"},
        )
        announce("log", word, level="error", service=5546)
    poison()
    return sqlite_store


def keys_of(screen_name: str, *shared: str) -> list[Action]:
    """A share of a screen's actions that have a key; scopes that many screens share are tried in one of them."""
    scopes = {*TOGETHER.get(screen_name, (screen_name,)), *shared} - (
        {"list", "vm", "service", "page"} - {*shared}
    )
    asked = [each for each in ACTIONS if each.scope in scopes and each.keys]
    pressed = [each for each in asked if each not in SCREENS and each.id not in LEAVES]
    chance = seeds.chance(f"hostile keys {screen_name}")
    return sorted(chance.sample(pressed, -(-len(pressed) // EVERY)), key=pressed.index)


@pytest.mark.parametrize("half", [0, 1])
async def test_no_key_of_a_screen_interprets_foreign_text(hostile_site: Store, half: int) -> None:
    for name in [each.argument for each in SCREENS][half::2]:  # a console each: the log may stay open
        async with console().run_test(size=(80, 24)) as pilot:
            await rest(pilot)
            await pilot.app.open(name)  # type: ignore[attr-defined]
            await there(pilot, "processVirtualMachines" if name == "settings" else SEEN)
            shared = {"dashboard": (EVERYWHERE,), "vms": ("list", "vm"), "services": ("service",)}
            for action in keys_of(name, *shared.get(name, ())):
                await pilot.app.open(name)  # type: ignore[attr-defined]
                await pressed(pilot, action)


async def test_no_key_of_a_vm_interprets_foreign_text(hostile_site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        for tab in [each.name for each in TABS]:
            await pilot.app.open_vm(5546)  # type: ignore[attr-defined]
            await there(pilot, SEEN)
            for action in keys_of(f"vm {tab}", *(("vm", "service", "page") if tab == "overview" else ())):
                await pilot.app.open_vm(5546)  # type: ignore[attr-defined]
                await rest(pilot)
                await place(pilot).do_tab(tab)  # type: ignore[attr-defined]
                await pressed(pilot, action)


async def there(pilot: Pilot[Any], word: str) -> None:
    """Wait until a word is on the screen: text that looks like markup is still shown."""
    await until(pilot, lambda: word in harmless(pilot))


async def pressed(pilot: Pilot[Any], action: Action) -> None:
    """Presses the key of an action, reads the screen, and goes back to the place."""
    await rest(pilot)
    await pilot.press(action.keys[0])
    await rest(pilot)
    harmless(pilot)
    for _ in range(4):
        if len(pilot.app.screen_stack) == 1:
            break
        await pilot.press("escape")
        await rest(pilot)
    assert len(pilot.app.screen_stack) == 1, f"{action} opened what esc does not close"
    for each in pilot.app._notifications:
        assert "the log" not in each.message, f"{action}: {each.message}"
    pilot.app.clear_notifications()


async def rest(pilot: Pilot[Any]) -> None:
    """Waits until every question under way was answered; one that is put to the operator has a screen on top."""

    def rests() -> bool:
        asked = len(pilot.app.screen_stack) > 1
        reading = any(table.reading for table in pilot.app.screen.query(Table))
        return not reading and (asked or not any(each.is_running for each in pilot.app.workers))

    await until(pilot, rests)


def harmless(pilot: Pilot[Any]) -> str:
    """The words on the screen, none of which a terminal would take for more than words."""
    shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
    for char in shown:
        assert char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(char)
    return shown
