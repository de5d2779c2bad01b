"""How the console's places and dialogs look at both sizes, over a fixed site at a fixed hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from engine import clock
from engine.store.models import Server
from screens.common import times
from screens.shell import themes
from screens.vm.tabs.live_panel import LivePanel
from tests.conftest import Store
from tests.screens.console_site import NOW, console, fill, settle, steady
from tests.screens.pictures import LARGE, SMALL, Pictures, forget
from tests.screens.pressing import until

SCENES: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "dashboard": (None, ()),
    "vms": (None, ("2", "down", "space")),
    "vms-filtered": (None, ("2", "i", "down", "down", "enter")),
    "vms-none-fits": (None, ("2", "i", "end", "enter")),
    "vm": (5547, ()),
    "vm-log": (5547, ("l",)),
    "vm-record": (5547, ("d",)),
    "vm-reset": (5547, ("r",)),
    "vm-redeploy": (5547, ("R",)),
    "vm-step": (5546, ("x",)),
    "vm-package": (5546, ("p", "down", "enter")),
    "bulk-report": (None, ("2", "space", "space", "space", "z")),
}
WIDE = ("dashboard", "vms", "vm", "vm-log")
LOOKS = (
    *(("dashboard", look) for look in ("16", "no-color", "light", "high-contrast")),
    *(("vms", "16"), ("vm", "high-contrast"), ("vm-log", "no-color")),
)


@pytest.fixture(autouse=True)
def fixed_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages on the screen are counted from one fixed moment."""
    monkeypatch.setattr(times, "now_ms", lambda: NOW)
    assert clock.now_ms() != NOW


async def test_it_looks_as_it_did(sqlite_store: Store, pictures: Pictures) -> None:
    fill()
    for size, names in ((LARGE, WIDE), (SMALL, tuple(SCENES))):
        async with console().run_test(size=size, notifications=True) as pilot:
            for name in names:
                Server.update(state="enabled").execute()
                await forget(pilot)
                await _walk(pilot, *SCENES[name])
                pictures.take(pilot, name)


@pytest.mark.parametrize(("name", "look"), LOOKS)
def test_the_other_looks(
    name: str,
    look: str,
    sqlite_store: Store,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill()
    if look == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")
    appearance = themes.choose("16" if look == "no-color" else look, environ={})
    service_id, keys = SCENES[name]
    assert snap_compare(
        console(appearance=appearance),
        terminal_size=(80, 24),
        run_before=lambda pilot: _walk(pilot, service_id, keys),
    )


@pytest.mark.parametrize("name", ["dashboard", "vms"])
def test_an_empty_site_says_what_to_do(
    name: str, sqlite_store: Store, snap_compare: Callable[..., bool]
) -> None:
    keys = ("2",) if name == "vms" else ()
    assert snap_compare(
        console(read_only=True), terminal_size=(80, 24), run_before=lambda pilot: _walk(pilot, None, keys)
    )


async def _walk(pilot: Pilot[Any], service_id: int | None, keys: tuple[str, ...]) -> None:
    app: Any = pilot.app
    await settle(pilot)
    if service_id is not None:
        Server.update(state="paused").execute()  # nobody looks at the machine on a cluster that is not there
        await app.open_vm(service_id)
        await settle(pilot)
        now = app.current_screen.query_one(LivePanel)
        await until(pilot, lambda: now.error or now.good)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    await steady(pilot)
