"""An engine of this process, put together and taken down again."""

from __future__ import annotations

from engine.running import Running
from tests.conftest import Store


def test_an_engine_that_several_tasks_begin_is_one_and_ends_whole(sqlite_store: Store) -> None:
    running = Running("cron", "test")
    for _ in range(3):
        running.start(ticking=False)
    assert running.send_mails(10)
    assert running.stop(5)
