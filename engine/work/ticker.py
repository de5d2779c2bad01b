"""The ticker of a long-running process: APScheduler checks every few seconds for due tasks.

Due times, locks and intervals are in our tables; the scheduler is only the timer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from engine.work import wake
from engine.work.servers import Servers
from engine.work.task import Task, TaskResources
from engine.work.task_ledger import CHANNEL
from engine.work.task_run import Say, perform

log = logging.getLogger(__name__)
CHECK_S = 3
LISTEN_S = 5.0


class Ticker:
    """Runs due tasks beside the engine until it is stopped."""

    def __init__(self, tasks: Sequence[Task], servers: Servers, owner: str, say: Say) -> None:
        self._tasks = tasks
        self._servers = servers
        self._owner = owner
        self._say = say
        self._stop = threading.Event()
        self._ear: threading.Thread | None = None
        self._looking = 0
        self._wakes = 0
        self._idle = threading.Condition()
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            executors={"default": {"type": "threadpool", "max_workers": 3}},
        )

    def start(self) -> None:
        """Begin to tick."""
        for task in self._tasks:
            self._scheduler.add_job(
                self._run_if_due, "interval", seconds=CHECK_S, args=[task], id=task.name, jitter=1
            )
        self._scheduler.start()
        self._ear = threading.Thread(
            target=self._listen, args=[wake.Listener(CHANNEL)], name="ticker-wake", daemon=True
        )
        self._ear.start()

    def stop(self) -> None:
        """Begin nothing more; a task that runs sees `keep_going` turn False."""
        self._stop.set()
        wake.notify_here(CHANNEL)
        self._scheduler.shutdown(wait=False)

    def ended(self, within: float) -> bool:
        """After `stop`: True as soon as nothing here uses the store any more, False after so many seconds."""
        with self._idle:
            idle = self._idle.wait_for(lambda: not self._looking, within)
        if self._ear is not None:
            self._ear.join(1.0)  # it has been woken
        return idle

    def _listen(self, listener: wake.Listener) -> None:
        """Looks at once when somebody requested a task, here or in another process."""
        while not self._stop.is_set():
            if listener.wait(LISTEN_S) and not self._stop.is_set():
                self._look_now()
        listener.close()

    def _look_now(self) -> None:
        """Makes every task be looked at; one that vanished with the scheduler is passed over."""
        self._wakes += 1
        with suppress(JobLookupError):
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=datetime.now(UTC))

    def _run_if_due(self, task: Task) -> None:
        with self._idle:
            if self._stop.is_set():
                return
            self._looking += 1
        seen = -1
        try:
            # the scheduler skips a job that is under way, so a request that came during the check is met here
            while seen != self._wakes and not self._stop.is_set():
                seen = self._wakes
                perform(task, self._resources(), self._say if task.listed else (lambda line: None))
        except Exception:
            log.exception("Task %s could not be looked at; trying again shortly", task.name)
        finally:
            with self._idle:
                self._looking -= 1
                self._idle.notify_all()

    def _resources(self) -> TaskResources:
        return TaskResources(self._servers, self._owner, keep_going=lambda: not self._stop.is_set())
