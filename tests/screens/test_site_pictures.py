"""How the screens of the site's records and their dialogs look at both sizes, at a fixed hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.store.models import Vm
from screens.common import times
from screens.settings import screen as settings
from screens.shell import themes
from tests.conftest import Store
from tests.screens.console_site import NOW, console, settle, steady
from tests.screens.pictures import LARGE, SMALL, Pictures, back
from tests.screens.site_records import records

SCENES: dict[str, tuple[str, ...]] = {
    "pools": ("3", "down"),
    "pools-holders": ("3", "home", "enter"),
    "pools-edit": ("3", "home", "E"),
    "pools-delete": ("3", "home", "D"),
    "zones": ("4",),
    "zones-edit": ("4", "home", "E"),
    "zones-add": ("4", "+"),
    "zones-delete": ("4", "end", "D"),
    "products": ("5",),
    "products-edit": ("5", "end", "E"),
    "products-edit-network": ("5", "end", "E", "pagedown"),
    "products-add-faults": ("5", "+", "ctrl+o"),
    "servers": ("6", "down"),
    "servers-edit": ("6", "home", "E"),
    "servers-add": ("6", "+"),
    "servers-delete": ("6", "home", "D"),
    "clients": ("7",),
    "clients-services": ("7", "home", "enter"),
    "clients-add": ("7", "+"),
    "services": ("8", "down"),
    "services-add": ("8", "+"),
    "services-options": ("8", "home", "O"),
    "services-package": ("8", "home", "p"),
    "services-plan": ("8", "home", "p", "down", "enter"),
    "services-terminate": ("8", "home", "T"),
    "settings": ("9", "end", "up"),
    "settings-general": ("9", "home", "E"),
    "settings-cron": ("9", "end", "E"),
    "settings-smtp": ("9", "home", "down", "E"),
    "settings-mail": ("9", "home", "t"),
    "settings-unlock": ("9", "home", "U"),
    "help": ("3", "question_mark"),
    "help-search": ("8", "question_mark", "slash", "p", "a", "c"),
}
WIDE = (
    "pools",
    "pools-holders",
    "zones",
    "products",
    "products-edit",
    "servers",
    "clients",
    "services",
    "settings",
    "help",
)
"""What a larger terminal shows otherwise than a small one: more columns, or more of a long form."""
LOOKS = (("pools", "16"), ("pools", "no-color"), ("pools", "light"), ("services-plan", "16"))
"""Colours: the widgets in every look are in test_snapshots."""
EMPTY = {"pools": "3", "zones": "4", "products": "5", "servers": "6", "clients": "7", "services": "8"}


@pytest.fixture(autouse=True)
def fixed_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages on the screen are counted from one fixed moment."""
    monkeypatch.setattr(times, "now_ms", lambda: NOW)
    monkeypatch.setattr(settings, "now_ms", lambda: NOW)


async def test_it_looks_as_it_did(sqlite_store: Store, pictures: Pictures) -> None:
    records()
    for size, names in ((SMALL, tuple(SCENES)), (LARGE, WIDE)):
        async with console().run_test(size=size, notifications=True) as pilot:
            for name in names:
                await back(pilot)
                await _walk(pilot, SCENES[name])
                pictures.take(pilot, name)


@pytest.mark.parametrize(("name", "look"), LOOKS)
def test_the_other_looks(
    name: str,
    look: str,
    sqlite_store: Store,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records()
    if look == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    appearance = themes.choose("16" if look == "no-color" else look, environ={})
    app = console(appearance=appearance)
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: _walk(pilot, SCENES[name]))


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_site_says_what_to_do(
    name: str, sqlite_store: Store, snap_compare: Callable[..., bool]
) -> None:
    app = console(read_only=name == "pools")
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: _walk(pilot, (EMPTY[name],)))
    assert Vm.select().count() == 0


async def _walk(pilot: Pilot[Any], keys: tuple[str, ...]) -> None:
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    await steady(pilot)
