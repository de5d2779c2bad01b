"""The first two lines of every screen: where one is, who does the work, and what needs a look.

There is no clock in them: while nothing changes, not one byte goes to the terminal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message

from screens.actions import PLACES, Action
from screens.text import clamp
from screens.widgets.toned import Toned

FRESH_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header tells. `engine` is "here", "none", or where it runs, such as "daemon on pve-admin"."""

    site: str = "kvmtui"
    engine: str = "none"
    heartbeat_seconds: int | None = None
    alerts: int = 0
    read_only: bool = False
    notice: str = ""


class Header(Toned):
    """One line of facts; it repaints only when its words change."""

    def __init__(self, facts: Facts | None = None) -> None:
        super().__init__(id="header")
        self.facts = facts or Facts()

    def show(self, facts: Facts) -> None:
        """Tells other facts from now on."""
        before, self.facts = _words(self.facts), facts
        if _words(facts) != before:
            self.refresh()

    def render(self) -> Text:
        left = self.toned((" kvmtui ", "accent"), (clamp(self.facts.site, max(8, self.size.width // 3)), ""))
        right = self.toned(*_words(self.facts)[1:], (" ", ""))
        gap = self.size.width - left.cell_len - right.cell_len
        return left + Text(" " * max(1, gap)) + right


def heartbeat(seconds: int | None) -> tuple[str, str]:
    """The age of the engine's last sign of life, in steps coarse enough to stand still."""
    if seconds is None:
        return "no heartbeat", "error"
    if seconds < FRESH_SECONDS:
        return "heartbeat ok", "ok"
    if seconds < 3600:
        return f"heartbeat {seconds // 60} min ago", "error"
    return f"heartbeat {seconds // 3600} h ago", "error"


def _words(facts: Facts) -> list[tuple[str, str]]:
    parts = [(facts.site, "")]
    parts += [(f"{facts.notice} · ", "warn")] if facts.notice else []
    parts += [("read-only · ", "warn")] if facts.read_only else []
    parts += [(f"engine {facts.engine}", "error" if facts.engine == "none" else ""), (" · ", "muted")]
    parts += [heartbeat(facts.heartbeat_seconds), (" · ", "muted")]
    alerts = f"{facts.alerts} alert{'' if facts.alerts == 1 else 's'}"
    return [*parts, (f"! {alerts}", "error") if facts.alerts else (alerts, "muted")]


class Tabs(Toned):
    """The places one goes to with a number key; the one that is open stands in brackets."""

    @dataclass
    class Chosen(Message):
        """A place was clicked."""

        place: str

    def __init__(self, active: str = "dashboard", places: Sequence[Action] = PLACES) -> None:
        super().__init__(id="tabs")
        self.active = active
        self._places = tuple(places)

    def show(self, place: str) -> None:
        """Marks another place as the one that is open."""
        if place != self.active:
            self.active = place
            self.refresh()

    def render(self) -> Text:
        return self.toned(*((words, tone) for _, words, tone in self._labels()))

    def on_click(self, event: events.Click) -> None:
        x = 0
        for place, words, _ in self._labels():
            x += cell_len(words)
            if event.x < x:
                self.post_message(self.Chosen(place))
                return

    def _labels(self) -> list[tuple[str, str, str]]:
        """Each place as it is written: whole words if they fit, else what is left of them."""
        for length in (12, 6, 4, 2, 0):
            labels = [self._label(each, length) for each in self._places]
            if sum(cell_len(words) for _, words, _ in labels) <= self.size.width:
                break
        return labels

    def _label(self, each: Action, length: int) -> tuple[str, str, str]:
        words = f"{each.keys[0]} {each.label[:length].strip()}".strip()
        here = each.argument == self.active
        return each.argument, f"[{words}]" if here else f" {words} ", "accent" if here else ""
