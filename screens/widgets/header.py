"""The first two lines of every screen: the tabs, where the engine runs, and the alerts.

There is no clock in them: while nothing changes, not one byte goes to the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message

from engine.counting import counted
from screens.common.actions import SCREENS, Action
from screens.common.text import fit
from screens.widgets.tabrow import TabName, TabRow
from screens.widgets.toned import Toned

FRESH_SECONDS = 15
"""Three intervals of the engine heartbeat."""
MARK = " kvmtui  "


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header shows. `engine` is "here", "none", or where it runs, such as "daemon on pve-admin"."""

    site: str = "kvmtui"
    engine: str = "none"
    heartbeat_seconds: int | None = None
    alerts: int = 0
    read_only: bool = False
    notice: str = ""
    totals: Mapping[str, int] = field(default_factory=dict)
    """How long the lists behind the tabs are, the most wanted count first."""


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

    class AlertsChosen(Message):
        """The count of alerts was clicked."""

    def on_click(self, event: events.Click) -> None:
        words = _words(self.facts)[-1][0]
        if event.x >= self.size.width - cell_len(words) - 1:
            self.post_message(self.AlertsChosen())

    def render(self) -> Text:
        """The facts on the right always fit; the site takes what they leave."""
        right = self.toned(*_words(self.facts)[1:], (" ", ""))
        room = self.size.width - right.cell_len - len(MARK)
        left = self.toned((MARK, "accent"), (fit(self.facts.site, max(0, room - 1)), ""), (" ", ""))
        return left + right


def heartbeat(seconds: int | None) -> tuple[str, str]:
    """The age of the engine's last heartbeat, rounded so that it does not change every second."""
    if seconds is None:
        return "no heartbeat", "error"
    if seconds < FRESH_SECONDS:
        return "heartbeat ok", "ok"
    if seconds < 60:
        return "heartbeat late", "warn"
    if seconds < 3600:
        return f"heartbeat {seconds // 60} min ago", "error"
    return f"heartbeat {seconds // 3600} h ago", "error"


def _words(facts: Facts) -> list[tuple[str, str]]:
    parts = [(facts.site, "")]
    parts += [(f"{facts.notice} · ", "warn")] if facts.notice else []
    parts += [("read-only · ", "warn")] if facts.read_only else []
    parts += [(f"engine {facts.engine}", "error" if facts.engine == "none" else ""), (" · ", "muted")]
    parts += [heartbeat(facts.heartbeat_seconds), (" · ", "muted")]
    alerts = counted(facts.alerts, "alerts")
    return [*parts, (f"! {alerts}", "error") if facts.alerts else (alerts, "muted")]


class Tabs(TabRow):
    """The screens behind the number keys."""

    def __init__(self, active: str = "dashboard", screens: Sequence[Action] = SCREENS) -> None:
        super().__init__([_tab(each) for each in screens], active, id="tabs")


def _tab(place: Action) -> TabName:
    return TabName(place.argument, place.short or place.label, place.keys[0])
