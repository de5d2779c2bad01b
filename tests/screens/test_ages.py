"""What a place says of ages stays true while nothing happens."""

from __future__ import annotations

import pytest

from engine.clock import now_ms
from engine.store.models import Vm
from screens.dashboard.screen import DashboardView
from screens.framework.screen import EventBatch
from screens.shell import console as console_module
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle

BEAT = EventBatch(frozenset({"beat"}))


@pytest.mark.parametrize("old_ms", [-1, 60_000])
async def test_a_beat_brings_an_old_page_up_to_date_and_leaves_a_fresh_one(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, old_ms: int
) -> None:
    monkeypatch.setattr(console_module, "_OLD_MS", old_ms)
    fill()
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(DashboardView)
        assert " d ago" in page.words().plain
        Vm.update(error_since=now_ms() - 300_000).execute()
        pilot.app.post_message(console_module.Console.News(BEAT, ""))
        await settle(pilot)
        assert ("5 min ago" in page.words().plain) is (old_ms < 0)
