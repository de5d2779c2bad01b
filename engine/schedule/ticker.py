"""The ticker of a long-running process: APScheduler looks every few seconds for tasks that are due.

All due-ness, locks and intervals live in our tables; the scheduler only gives the beat.
"""

from __future__ import annotations

import logging
import threading

from apscheduler.schedulers.background import BackgroundScheduler

from engine.runner.servers import Servers
from engine.schedule.perform import Say, perform
from engine.schedule.registry import TASKS
from engine.schedule.task import Room, Task

log = logging.getLogger(__name__)
LOOK_S = 3


class Ticker:
    """Runs due tasks beside the engine until it is stopped."""

    def __init__(self, servers: Servers, owner: str, say: Say) -> None:
        self._servers = servers
        self._owner = owner
        self._say = say
        self._stop = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            executors={"default": {"type": "threadpool", "max_workers": 3}},
        )

    def start(self) -> None:
        """Begin to tick."""
        for task in TASKS:
            self._scheduler.add_job(
                self._look, "interval", seconds=LOOK_S, args=[task], id=task.name, jitter=1
            )
        self._scheduler.start()

    def stop(self) -> None:
        """End; a task that runs sees `keep_going` turn False and ends by itself."""
        self._stop.set()
        self._scheduler.shutdown(wait=False)

    def _look(self, task: Task) -> None:
        room = Room(self._servers, self._owner, keep_going=lambda: not self._stop.is_set())
        try:
            perform(task, room, self._say)
        except Exception:
            log.exception("Task %s could not be looked at; trying again shortly", task.name)
