"""What a place says of ages stays true while nothing happens."""

from __future__ import annotations

import pytest

from engine.clock import now_ms
from engine.schedule.ledger import standing
from engine.schedule.registry import TASKS
from engine.store.models import TaskState, Vm
from screens import console as console_module
from screens.dashboard import Overview
from screens.place import Happened
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle

START, BEAT = Happened(frozenset({"start"})), Happened(frozenset({"beat"}))


@pytest.mark.parametrize("old_ms", [-1, 60_000])
async def test_a_beat_brings_an_old_page_up_to_date_and_leaves_a_fresh_one(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, old_ms: int
) -> None:
    monkeypatch.setattr(console_module, "_OLD_MS", old_ms)
    fill()
    for task in TASKS:
        standing(task)
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(Overview)
        assert "never" in page.words().plain
        TaskState.update(last_run_at=now_ms()).execute()
        pilot.app.post_message(console_module.Console.News(BEAT, ""))
        await settle(pilot)
        assert ("never" in page.words().plain) is (old_ms > 0)


async def test_what_happened_before_the_events_were_read_is_seen(sqlite_store: Store) -> None:
    fill()
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(Overview)
        assert "Stuck VMs  none" not in page.words().plain
        Vm.update(vm_status="ready", error="", error_since=None).execute()
        pilot.app.post_message(console_module.Console.News(START, ""))
        await settle(pilot)
        assert "Stuck VMs  none" in page.words().plain
