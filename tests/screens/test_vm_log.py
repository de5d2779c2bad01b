"""The log and the history of a VM: live while open, errors in full, held still, copied, and paged by hand."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions import packages
from engine.actions.notes import set_notes
from engine.audit import current_actor
from engine.store.models import Run, Step, Vm
from engine.work import events
from screens.vm.run_log import RunLog
from screens.widgets.dialogs import Dialog, Notice
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, NOW, console, fill, settle
from tests.screens.pressing import until
from tests.screens.test_vm_maintenance import press

STUCK, READY = 5547, 5546
LONG = (
    "the storage local-lvm is full: " + " ".join(f"volume-{number}" for number in range(60)) + "\nsecond line"
)


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A database with VMs in every state."""
    fill()
    return sqlite_store


def vm(service_id: int) -> Vm:
    return Vm.get(Vm.service == service_id)


def step(run: Run, n: int, label: str, result: str = "success", error: str = "") -> None:
    """The engine ends a step, and says so."""
    Step.create(
        run=run, n=n, step=label, label=label, from_status="a", to_status="b", result=result, started_at=NOW, ms=5,
        error=error, notes=["asked pve1"],
    )  # fmt: skip
    events.announce("step", f"[+] {label}", service=run.vm.service_id, vm=run.vm_id)


def begin(service_id: int, action: str = "Deploy") -> Run:
    return Run.create(
        vm=vm(service_id),
        action=action,
        from_status="a",
        to_status="b",
        result="running",
        started_at=NOW,
        live=1,
    )


async def log(pilot: Pilot[Any], service_id: int) -> RunLog:
    """Opens the log of a VM with its key."""
    await settle(pilot)
    app: Any = pilot.app
    await until(pilot, lambda: app._feed._after is not None)  # what happens before it reads is not shown
    await app.open_vm(service_id)
    await settle(pilot)
    await press(pilot, "l")
    dialog = pilot.app.screen
    assert isinstance(dialog, RunLog)
    return dialog


def lines(table: Table) -> list[str]:
    assert table.source is not None
    return [row.cell(0).text for row in table.source.page(0, 500)]


async def test_a_long_error_is_read_in_full_and_copied_whole(site: Store) -> None:
    Step.update(error=LONG).where(Step.result == "error").execute()
    copied: list[str] = []
    async with console().run_test(size=(80, 24)) as pilot:
        pilot.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        dialog = await log(pilot, STUCK)
        assert "failed at step 2. Clone VM" in str(dialog._banner.content)
        shown = lines(dialog.table)
        assert max(map(len, shown)) <= dialog.table.size.width
        whole = " ".join(" ".join(shown).split())
        assert "volume-0 " in whole and "volume-59" in whole and "second line" in whole
        await press(pilot, "end", "y")
        assert "volume-59" in copied[0] and "second line" in copied[0] and "Clone VM: error" in copied[0]
        await press(pilot, "home", "y")
        assert "Set IP" in copied[1] and "volume-59" in copied[1]
        await pilot.resize_terminal(120, 40)
        await settle(pilot)
        assert max(map(len, lines(dialog.table))) > 80


async def test_what_happens_is_shown_while_it_is_open(site: Store) -> None:
    run = begin(READY)
    async with console().run_test(size=(100, 30)) as pilot:
        dialog = await log(pilot, READY)
        for n in (1, 2):
            step(run, n, f"Step {n}")
            await until(pilot, lambda n=n: f"  {n:>2}. Step {n}" in lines(dialog.table))  # type: ignore[misc]
        assert dialog.table.cursor == len(lines(dialog.table)) - 1
        step(run, 3, "Step 3", "error", "no route")
        Run.update(result="error", error="no route", live=None).where(Run.id == run.id).execute()
        events.announce("run", "[-] it failed", service=READY)
        await until(pilot, lambda: "failed at step 3" in str(dialog._banner.content))
        begin(READY, "Reset")
        events.announce("run", "[>] again", service=READY)
        await until(pilot, lambda: "Reset" in lines(dialog.table)[0])
        assert not dialog._banner.display


async def test_a_cursor_that_was_moved_stays_where_it_is(site: Store) -> None:
    run = begin(READY)
    async with console().run_test(size=(100, 30)) as pilot:
        dialog = await log(pilot, READY)
        step(run, 1, "Step 1")
        await until(pilot, lambda: len(lines(dialog.table)) == 3)
        await press(pilot, "home")
        step(run, 2, "Step 2")
        await until(pilot, lambda: len(lines(dialog.table)) == 5)
        assert dialog.table.cursor == 0


async def test_f_pauses_it_and_resumes_it(site: Store) -> None:
    run = begin(READY)
    async with console().run_test(size=(100, 30)) as pilot:
        dialog = await log(pilot, READY)
        await press(pilot, "f")
        step(run, 1, "Step 1")
        await until(pilot, lambda: "new lines since then" in str(dialog._below.content))
        assert len(lines(dialog.table)) == 1
        await press(pilot, "f")
        await until(pilot, lambda: len(lines(dialog.table)) == 3)


async def test_the_log_tab_wraps_and_follows_too(site: Store) -> None:
    Step.update(error=LONG).where(Step.result == "error").execute()
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(STUCK)  # type: ignore[attr-defined]
        await pilot.app.current_screen.do_tab("runs")  # type: ignore[attr-defined]
        await settle(pilot)
        table: Table = pilot.app.current_screen.tab.list  # type: ignore[attr-defined]
        assert "volume-59" in " ".join(lines(table))
        feed: Any = pilot.app._feed  # type: ignore[attr-defined]
        await until(pilot, lambda: feed._after is not None)  # from here on the events are read
        run = begin(STUCK, "Reset")
        step(run, 1, "Step 1")
        await until(pilot, lambda: "Reset" in lines(table)[0])
        await press(pilot, "enter")
        assert len(lines(table)) > 1


async def test_the_history_lists_requests_and_runs_and_opens_both(site: Store) -> None:
    packages.suspend(current_actor("test"), STUCK)
    set_notes(current_actor("test"), STUCK, f"call first\n{HOSTILE}")
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(STUCK)  # type: ignore[attr-defined]
        await pilot.app.current_screen.do_tab("history")  # type: ignore[attr-defined]
        await settle(pilot)
        tab: Any = pilot.app.current_screen.tab  # type: ignore[attr-defined]
        found = [tab.list.source.page(at, 1)[0].cell(1).text for at in range(tab.list.count)]
        assert found[:2] == ["notes", "suspend"] and found[2].startswith("Deploy")
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, Notice) and "call first" in pilot.app.screen._words
        await press(pilot, "escape", "down", "down", "enter")
        assert isinstance(pilot.app.screen, RunLog)
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, Dialog)
        packages.terminate(current_actor("test"), STUCK)
        await until(
            pilot, lambda: tab.list.count == 5 or tab.list.source.page(0, 1)[0].cell(1).text == "terminate"
        )
