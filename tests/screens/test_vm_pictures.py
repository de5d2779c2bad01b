"""Pictures of the tabs of a VM's page at both sizes, with fixed values at a fixed time."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions.notes import set_notes
from engine.audit import Actor
from engine.queries.live import LiveView
from engine.store.models import Run, Step, Traffic, Vm
from screens.common import times
from screens.vm.tabs import live_panel as live_panel
from screens.vm.tabs.status_lines import StatusLines
from screens.widgets.tabrow import TabRow
from tests.conftest import Store
from tests.screens.console_site import NOW, console, fill, settle, steady
from tests.screens.pictures import LARGE, SMALL, Pictures, forget
from tests.screens.vm_looks import PAUSED, charts, live, readings

READY, STUCK = 5546, 5547
DAY = 86_400_000
LONG = (
    "the clone failed: storage local-lvm on pve1 has 3.2 GiB left and the disk needs 40 GiB; free some space, "
    "or name another storage in the product VPS-1 and reset this VM to clone"
)
NOTES = "Call before a reboot: +48 22 555 01 00.\nThe disk is larger by agreement."
SCENES = {
    "overview": (READY, "overview", ()),
    "overview-paused": (READY, "overview", ()),
    "apply": (READY, "overview", ("=",)),
    "notes": (READY, "overview", ("#",)),
    "addresses": (READY, "addresses", ()),
    "commands": (READY, "steps", ()),
    "snapshots": (READY, "snapshots", ()),
    "backups": (READY, "backups", ()),
    "iso": (READY, "iso", ()),
    "charts": (READY, "charts", (".",)),
    "history": (READY, "history", ()),
    "history-stuck": (STUCK, "history", ("down",)),
    "log": (STUCK, "runs", ()),
    "log-dialog": (STUCK, "overview", ("l",)),
}
WIDE = ("overview", "snapshots", "backups", "charts", "history-stuck", "log")


@pytest.fixture(autouse=True)
def fixed_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages on the screen are counted from one fixed moment, on a terminal with blocks."""
    monkeypatch.setattr(times, "now_ms", lambda: NOW)
    monkeypatch.setattr("engine.audit.now_ms", lambda: NOW - 60_000)
    monkeypatch.setattr(live_panel, "now_ms", lambda: NOW)
    monkeypatch.setenv("TERM", "xterm-256color")


async def test_it_looks_as_it_did(sqlite_store: Store, pictures: Pictures) -> None:
    fill()
    set_notes(Actor("anna", "", "console"), READY, NOTES)
    Step.update(error=LONG).where(Step.result == "error").execute()
    Run.update(error=LONG).where(Run.result == "error").execute()
    vm = Vm.get(Vm.service == READY)
    for days in (1, 40, 80):
        Traffic.create(
            vm=vm.id, service=READY, hour=NOW - days * DAY, bytes_in=days << 30, bytes_out=days << 27
        )
    for size, names in ((SMALL, tuple(SCENES)), (LARGE, WIDE)):
        async with console().run_test(size=size, notifications=True) as pilot:
            for name in names:
                await forget(pilot)
                pilot.app.memory.keep("charts", {"span": "hour"})  # type: ignore[attr-defined]
                await show(pilot, name)
                pictures.take(pilot, name)


async def show(pilot: Pilot[Any], name: str) -> None:
    service_id, tab_name, keys = SCENES[name]
    app: Any = pilot.app
    await settle(pilot)
    await app.open_vm(service_id)
    await app.current_screen.do_tab(tab_name)
    await settle(pilot)
    _fill(app.current_screen.tab, tab_name, paused=name.endswith("paused"))
    await settle(pilot)
    for key in keys:
        await pilot.press(key)
        await settle(pilot)
    if tab_name == "charts":
        app.current_screen.tab._error = ""
        app.current_screen.tab._see(charts())
    row = app.screen_stack[0].query_one(TabRow)
    assert sum(len(words) for _, words in row._words()) <= app.size.width
    await steady(pilot)


def _fill(tab: Any, name: str, paused: bool) -> None:
    """Gives a tab what it would have read from a cluster; there is none here."""
    if name in ("overview", "charts"):
        tab.looking.stop()
    if name == "overview":
        tab.panel.see(live())
        if paused:
            tab.panel.see(LiveView(PAUSED))
        tab.refresh_bindings()
    elif name in readings():
        tab._kept = (tab._asked, readings()[name])
        tab.post_message(tab.Read(tab._kept[1]))
        tab.list.do_retry()
        assert tab.query_one(StatusLines)
