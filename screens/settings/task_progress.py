"""Follows a task that was asked for until it ran, and tells how it went; or that no engine took it up."""

from __future__ import annotations

from engine.schedule.registry import named
from engine.work.task_ledger import Standing, standing
from screens.framework.screen import BaseScreen

LOOK_S, LOOKS = 0.5, 20
"""How often it is looked at, and how many times."""


class AskedTask:
    """Looks until the task has run; what it tells is one notice, and the place is read again."""

    def __init__(self, place: BaseScreen, name: str) -> None:
        self._place, self._name, self._left = place, name, LOOKS
        self._timer = place.set_interval(LOOK_S, self._look)

    async def _look(self) -> None:
        now = await self._place.beside(lambda: standing(named(self._name)))
        self._left -= 1
        if now is None:
            self._timer.stop()
        elif now.last_run_at is not None and not now.locked_by:
            self._end(*_ran(now))
        elif not self._left and now.locked_by:
            self._end(f"{self._name} runs on at {now.locked_by}; ctrl+r shows how far it is.", failed=False)
        elif not self._left:
            self._end(
                f"No engine has taken {self._name} up. It runs as soon as one works: "
                "in a console, or `kvmtui --daemon`.",
                failed=True,
            )

    def _end(self, words: str, failed: bool) -> None:
        self._timer.stop()
        severity = "warning" if failed else "information"
        self._place.notify(words, severity=severity, markup=False, timeout=8)  # type: ignore[arg-type]
        self._place.reread()


def _ran(now: Standing) -> tuple[str, bool]:
    """How it went, as a sentence, and whether something went wrong."""
    errors = f", {now.errors} of them with an error" if now.errors else ""
    return f"{now.task} ran for {now.seconds:.1f} s: {now.processed} done{errors}.", bool(now.errors)
