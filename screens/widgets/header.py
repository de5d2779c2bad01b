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
from screens.text import fit
from screens.widgets.toned import Toned

FRESH_SECONDS = 90
MARK = " kvmtui  "


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
        """The facts on the right always fit; the site takes what they leave."""
        right = self.toned(*_words(self.facts)[1:], (" ", ""))
        room = self.size.width - right.cell_len - len(MARK)
        left = self.toned((MARK, "accent"), (fit(self.facts.site, max(0, room - 1)), ""), (" ", ""))
        return left + right


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
        """Each place as it is written: in full if all fit, else short."""
        full = [self._label(each, each.label) for each in self._places]
        if sum(cell_len(words) for _, words, _ in full) <= self.size.width:
            return full
        return [self._label(each, each.short or each.label) for each in self._places]

    def _label(self, each: Action, name: str) -> tuple[str, str, str]:
        words = f"{each.keys[0]} {name}"
        here = each.argument == self.active
        return each.argument, f"[{words}]" if here else f" {words}", "accent" if here else ""
