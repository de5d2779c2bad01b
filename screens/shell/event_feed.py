"""Follows the events of all engines and passes them to the console, as log lines and changes.

One thread reads. Lines go into a deque that the log pane drains; everything else that happened within a
tick becomes one message. When the database does not answer, it says so and later continues where it stopped.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from engine.errors import KvmtuiError
from engine.queries.service_names import names_of_services
from engine.work.events import EventView, Follower, last_id, recent
from screens.framework.screen import EventBatch
from screens.widgets.loglines import LogLine

log = logging.getLogger(__name__)
_LOOK = 0.2
_MOST = 20_000
"""Events read per tick: more than the log keeps."""
AGAIN = 2.0
"""Seconds until a database that does not answer is queried again."""
BEAT = 5.0
"""Seconds of silence after which it says that it is still there: how soon a dead engine is noticed."""
_LINES_PER_EVENT = 1_000
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
_SID = re.compile(r"^(\[.\] )?sid:\d+ +")
_SERVICE = re.compile(r"(?<=: )service=\d+ ")
_RESULTS = ("success", "skip", "waiting", "error")
Report = Callable[[EventBatch, str], object]


class Feed(threading.Thread):
    """Reads events until stopped; calls `report(happened, error)` from its own thread."""

    def __init__(self, inbox: deque[LogLine], report: Report, tick: float = 1.0, beat: float = BEAT) -> None:
        super().__init__(name="console-feed", daemon=True)
        self._inbox, self._report = inbox, report
        self._tick, self._beats = tick, max(1, round(beat / _LOOK))
        self._stop_now = threading.Event()
        self._after: int | None = None
        self._history_read = False
        self._names: dict[int, str] = {}
        """Names of VMs by service, read once; after a rename, older lines keep the old name."""

    def start_after(self, number: int) -> None:
        """Take every event after this one for news, however late the thread starts."""
        self._after = number

    def leave(self) -> None:
        """Begins to end; does not wait for it."""
        self._stop_now.set()

    def stop(self, timeout: float = 2.0) -> None:
        """Ends the thread."""
        self.leave()
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        while not self._stop_now.is_set():
            try:
                self._follow()
            except KvmtuiError as error:
                self._report_error(error.sentence)
            except Exception:
                log.exception("The events could not be read; trying again shortly")
                self._report_error("The events could not be read; the log file says why.")

    def _report_error(self, sentence: str) -> None:
        self._report(EventBatch(), sentence)
        self._stop_now.wait(AGAIN)

    def _follow(self) -> None:
        """Follows from where it came to, until the end or until the database is lost."""
        if self._after is None:
            self._after = last_id()
        if not self._history_read:
            newest = self._after
            self._lines(event for event in recent() if event.id <= newest)
            self._history_read = True
        follower = Follower(self._after)
        try:
            self._report(EventBatch(frozenset({"start"})), "")
            self._read_on(follower)
        finally:
            self._after = follower.position
            follower.close()

    def _read_on(self, follower: Follower) -> None:
        quiet = 0
        while not self._stop_now.is_set():
            found = follower.wait(_LOOK)
            quiet = 0 if found else quiet + 1
            if found:
                self._report(self._all_of(follower, found), "")
                self._stop_now.wait(self._tick)
            elif quiet % self._beats == 0:
                self._report(EventBatch(frozenset({"beat"})), "")

    def _all_of(self, follower: Follower, found: list[EventView]) -> EventBatch:
        """Reads new events until none are left, so that a burst is not spread over many ticks."""
        seen, taken = EventBatch(), 0
        while found and not self._stop_now.is_set():
            self._lines(found)
            more, taken = batch(found), taken + len(found)
            seen = EventBatch(seen.kinds | more.kinds, seen.services | more.services)
            found = follower.read() if taken < _MOST else []
        return seen

    def _lines(self, found: Iterable[EventView]) -> None:
        events = list(found)
        unknown = {each.service for each in events if each.text and each.service} - self._names.keys()
        if unknown:
            self._names |= names_of_services(sorted(unknown))
        self._inbox.extend(line for event in events for line in lines(event, self._names))


def batch(found: Iterable[EventView]) -> EventBatch:
    """Events as the screens see them."""
    events = list(found)
    services = frozenset(event.service for event in events if event.service is not None)
    return EventBatch(frozenset(event.kind for event in events), services)


def lines(event: EventView, names: Mapping[int, str] | None = None) -> list[LogLine]:
    """The lines of an event, numbered so that they keep their order and none is taken twice.

    The engine's output names a VM by `sid:` and carries its own time; the log pane adds both to every line.
    """
    result = event.level if event.level in _RESULTS else ""
    service = event.service
    name = (names or {}).get(service, str(service)) if service is not None else ""
    return [
        LogLine(event.id * _LINES_PER_EVENT + place, _unnamed(words), result, service, event.at, name)
        for place, words in enumerate(event.text.splitlines()[:_LINES_PER_EVENT])
    ]


def _unnamed(words: str) -> str:
    """A line of output without its time and `sid:`, which the log pane adds."""
    return _SERVICE.sub("", _SID.sub(r"\1", _STAMP.sub("", words)))
