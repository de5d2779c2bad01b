"""The sentences above a list: what the product allows, what is running, and how the last request ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from rich.text import Text
from textual.reactive import reactive

from engine.clock import now_ms
from engine.queries.runs import RunView
from screens.common.text import plain
from screens.common.times import ago, at
from screens.widgets.toned import Toned

_MOST_LINES = 3
_ALIVE = ("running", "waiting")
_SHOWN_MS = 5 * 60_000
"""How long an operation that ended well stays in view."""

Said = tuple[str, str]
"""A sentence and its tone."""


class StatusLines(Toned):
    """A few sentences, each in its tone; a long one wraps."""

    said: reactive[tuple[Said, ...]] = reactive((), layout=True)

    def render(self) -> Text:
        width = max(40, (self.size.width or self.app.size.width) - 2)
        return Text("\n", no_wrap=True, overflow="ellipsis").join(self._lines(width))

    def _lines(self, width: int) -> Iterator[Text]:
        for words, tone in self.said:
            for line in wrap(plain(words), width)[:_MOST_LINES]:
                yield self.toned((line, tone))


def work(found: Sequence[RunView], actions: Iterable[str]) -> Said | None:
    """What runs at the VM now, or else how the newest run of these actions ended: a failure, or a recent success."""
    if found and found[0].result in _ALIVE:
        return _alive(found[0])
    mine = frozenset(actions)
    ended = next((run for run in found if run.action in mine), None)
    if ended is None or (ended.result != "error" and now_ms() - (ended.finished or 0) > _SHOWN_MS):
        return None
    return _ended(ended, ended is found[0])


def queued(queue: Sequence[str]) -> Said | None:
    """Requests that have not begun."""
    return (f"[ ] Queued: {', '.join(queue)}.", "busy") if queue else None


def _alive(run: RunView) -> Said:
    words = f"[>] {run.action} is at work since {at(run.started)} UTC"
    if not run.steps:
        return f"{words}.", "busy"
    step = run.steps[-1]
    last = step.notes[-1] if step.notes else ""
    said = " · ".join(part for part in (step.error, last) if part)
    return f"{words}, step {step.n}. {step.label}{f': {said}' if said else ''}", "busy"


def _ended(run: RunView, newest: bool) -> Said | None:
    """The header of the page already shows a failure of the newest run."""
    if run.result != "error":
        notes = [note for step in run.steps for note in step.notes]
        said = f": {notes[-1]}" if notes else ""
        return f"[+] {run.action} ended {ago(run.finished)}{said}", "ok"
    return None if newest else (f"[-] {run.action} failed {ago(run.finished)}: {run.error}", "error")
