"""Follows a requested task until it ran and shows the result, or that no engine started it."""

from __future__ import annotations

from engine.schedule.registry import named
from engine.work.task_ledger import ScheduledTask, standing
from screens.framework.screen import BaseScreen

POLL_S, POLLS = 0.5, 20
"""Interval and number of polls."""


class TaskProgress:
    """Polls until the task has run, then shows one notification and reloads the screen."""

    def __init__(self, place: BaseScreen, name: str) -> None:
        self._screen, self._name, self._left = place, name, POLLS
        self._timer = place.set_interval(POLL_S, self._poll)

    async def _poll(self) -> None:
        now = await self._screen.in_thread(lambda: standing(named(self._name)))
        self._left -= 1
        if now is None:
            self._timer.stop()
        elif now.last_run_at is not None and not now.locked_by:
            self._end(*_ran(now))
        elif not self._left and now.locked_by:
            self._end(f"{self._name} still runs at {now.locked_by}; ctrl+r reads its result.", failed=False)
        elif not self._left:
            self._end(
                f"{self._name} waits for an engine. Start one: kvmtui --daemon.",
                failed=True,
            )

    def _end(self, words: str, failed: bool) -> None:
        self._timer.stop()
        severity = "warning" if failed else "information"
        self._screen.notify(words, severity=severity, markup=False, timeout=8)  # type: ignore[arg-type]
        self._screen.reread()


def _ran(now: ScheduledTask) -> tuple[str, bool]:
    """The result as a sentence, and whether it failed."""
    errors = f", {now.errors} of them with an error" if now.errors else ""
    return f"{now.task} ran for {now.seconds:.1f} s: {now.processed} done{errors}.", bool(now.errors)
