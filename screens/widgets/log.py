"""The live log pane: what all engines do, as it happens.

Threads append `LogLine`s to a deque; a timer on the screen drains it a few times a second, so that no line
costs a message and no thread waits for the screen. Every line carries the sequence number of its event:
what was seen already is dropped, and a follower that lost its connection resumes after `last_seq`.

    inbox: deque[LogLine] = deque()
    pane = LogPane(inbox)
    inbox.append(LogLine(seq, "…", "success", sid=5546))      # from any thread
    pane.cycle()                                             # hide, half, full
"""

from __future__ import annotations

from collections import deque

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.reactive import reactive
from textual.timer import Timer

from screens.widgets.loglines import LogLine, LogView
from screens.widgets.prompt import Prompt

BATCH = 4_000
"""Lines taken over in one go; the rest waits for the next, so that a key never waits for a flood."""
SIZES = ("hidden", "half", "full")


class LogPane(Vertical):
    """Title line, lines, and a search line when it is wanted."""

    size_now: reactive[str] = reactive("hidden", init=False)

    def __init__(self, inbox: deque[LogLine], *, hz: float = 2.0, capacity: int = 10_000) -> None:
        super().__init__(id="log-pane", classes="hidden")
        self.inbox = inbox
        self._hz = hz
        self._view = LogView(capacity)
        self._prompt = Prompt("/", "search the log")
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._view
        yield self._prompt

    def on_mount(self) -> None:
        self._timer = self.set_interval(1 / self._hz, self.drain)

    @property
    def view(self) -> LogView:
        """The lines themselves, for filters and searches of other widgets."""
        return self._view

    @property
    def last_seq(self) -> int:
        """The newest event that was taken over; a follower resumes after it."""
        return self._view.last_seq

    def cycle(self) -> None:
        """The next size: hidden, half, full, hidden."""
        self.size_now = SIZES[(SIZES.index(self.size_now) + 1) % len(SIZES)]

    def watch_size_now(self, before: str, now: str) -> None:
        """Shows the pane at this size; a hidden one keeps collecting and draws nothing."""
        self.remove_class(before)
        self.add_class(now)
        if now == "hidden" and self.has_focus_within:
            self.screen.focus_next()
        elif before == "hidden":
            self._view.focus()

    def drain(self) -> None:
        """Takes over what the threads have put into the inbox."""
        surplus = len(self.inbox) - self._view.capacity
        for _ in range(max(0, surplus)):
            self._view.skip(self.inbox.popleft())
        batch = [self.inbox.popleft() for _ in range(min(BATCH, len(self.inbox)))]
        if batch:
            self._view.append(sorted(batch, key=lambda line: line.seq))

    def on_log_view_search_wanted(self, message: LogView.SearchWanted) -> None:
        message.stop()
        self._prompt.open(self._view.needle)

    def on_prompt_changed(self, message: Prompt.Changed) -> None:
        message.stop()
        self._view.search(message.value)

    def on_prompt_closed(self, message: Prompt.Closed) -> None:
        message.stop()
        if not message.kept:
            self._view.search("")
        self._view.focus()
