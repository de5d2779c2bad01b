"""The dashboard: what needs an operator, capacity, work, what is pending and what comes next, on one page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region

from engine.queries.dashboard import Dashboard, dashboard
from screens.common import glyphs
from screens.common.actions import Action
from screens.common.bindings import ActionMixin, bindings
from screens.common.coalesced import CoalescedRead
from screens.common.delay import after
from screens.dashboard.navigation import follow
from screens.dashboard.sections import TALL, DashboardLine, DashboardSection, columns, sections
from screens.framework.screen import BaseScreen, EventBatch
from screens.widgets.state import StateMessage
from screens.widgets.toned import Toned

TOTALS_AFTER = 1.0
"""Seconds until step totals are read, when the first reading had none: the first paint does not wait for them."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Position of a line on the page: row and column; column None spans the whole width."""

    line: DashboardLine
    y: int
    side: int | None


class DashboardView(ActionMixin, Toned, can_focus=True):
    """The page itself, drawn from one reading, with a cursor on one of its lines."""

    SCOPE = "dashboard"
    BINDINGS = bindings("dashboard")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor"}

    def __init__(self) -> None:
        super().__init__(id="overview")
        self._found: Dashboard | None = None
        self._spots: list[Spot] = []
        self._key = ""
        """The line that the operator moved to."""
        self._selected = ""
        self._painted: list[Text] = []
        self._drawn = glyphs.blocks()

    def show(self, found: Dashboard) -> None:
        """Shows another reading; the same one paints nothing."""
        self._found = found
        if self.is_attached and self._repaint():
            self.refresh_bindings()  # whether this line has something to fix

    def words(self) -> Text:
        """Everything the page says."""
        return Text("\n").join(self._rows())

    def render(self) -> Text:
        self._painted = self._rows()
        return Text("\n").join(self._painted)

    def _repaint(self) -> bool:
        """Paints the lines that changed; True when one did."""
        before, self._painted = self._painted, self._rows()
        if len(before) != len(self._painted):
            self.refresh(layout=True)
            return True
        pairs = enumerate(zip(before, self._painted, strict=True))
        changed = [Region(0, y, self.size.width, 1) for y, (old, new) in pairs if old != new]
        if changed:
            self.refresh(*changed)
        return bool(changed)

    def _rows(self) -> list[Text]:
        """Renders the page line by line and records the position of each line."""
        if self._found is None:
            return []
        made = sections(self._found, self._width, self.app.size.height, self._drawn)
        keys = [line.key for section in made for line in section.lines]
        self._selected = self._key if self._key in keys else next(iter(keys), "")
        self._spots = []
        rows: list[Text] = []
        place = 0
        while place < len(made):
            pair = made[place : place + 2]
            if rows and self.app.size.height >= TALL:
                rows.append(Text(""))
            if len(pair) == 2 and all(each.paired for each in pair):
                rows += self._beside(pair[0], pair[1], len(rows))
                place += 2
            else:
                rows += self._lines(made[place], len(rows), self._width, None)
                place += 1
        return rows

    @property
    def current(self) -> DashboardLine | None:
        """The line under the cursor: the first one until the operator moved."""
        spot = self._spot
        return spot.line if spot is not None else None

    @property
    def _spot(self) -> Spot | None:
        return next(
            (each for each in self._spots if each.line.key == self._key), next(iter(self._spots), None)
        )

    @property
    def _width(self) -> int:
        return max(40, self.size.width or self.app.size.width - 3)

    def _lines(self, section: DashboardSection, y: int, width: int, side: int | None) -> list[Text]:
        rows = [self._title(section, width)] if section.title else []
        for line in section.lines:
            self._spots.append(Spot(line, y + len(rows), side))
            rows.append(self._line(line, width))
        return rows

    def _beside(self, left: DashboardSection, right: DashboardSection, y: int) -> list[Text]:
        first, second = columns(self._width, two=True)
        some = self._lines(left, y, first, 0), self._lines(right, y, second, 1)
        rows = []
        for number in range(max(map(len, some))):
            one, other = (each[number] if number < len(each) else Text("") for each in some)
            one.truncate(first, pad=True)
            rows.append(Text.assemble(one, " ", other, end="", no_wrap=True))
        return rows

    def _title(self, section: DashboardSection, width: int) -> Text:
        rule = "─" if self._drawn else "-"
        note = f" {section.note}" if section.note else ""
        rest = rule * max(0, width - len(section.title) - len(note) - 3)
        title = (f"{section.title}", "accent")
        return self.toned(
            (f"{rule} ", "muted"), title, (f"{note} ", "" if note else "muted"), (rest, "muted")
        )

    def _line(self, line: DashboardLine, width: int) -> Text:
        drawn = self.toned(*line.pieces)
        drawn.truncate(width, overflow="ellipsis", pad=True)
        if self.has_focus and line.key == self._selected:
            drawn.stylize_before(self.get_component_rich_style("table--cursor"))
        return drawn

    def on_focus(self) -> None:
        self._repaint()

    def on_blur(self) -> None:
        self._repaint()

    # What the keys do

    def refusal(self, asked: Action) -> str | None:
        line = self.current
        if asked.run == "fix" and (line is None or line.fix is None):
            return "There is nothing to fix on this line."
        return None

    def do_open(self) -> None:
        line = self.current
        if line is not None and line.opens is not None:
            follow(self.app, line.opens)

    def do_fix(self) -> None:
        line = self.current
        if line is not None and line.fix is not None:
            follow(self.app, line.fix)

    def do_up(self) -> None:
        self._move(-1)

    def do_down(self) -> None:
        self._move(1)

    def do_left(self) -> None:
        self._turn(0)

    def do_right(self) -> None:
        self._turn(1)

    def do_first(self) -> None:
        self._select(self._spots[0] if self._spots else None)

    def do_last(self) -> None:
        self._select(self._spots[-1] if self._spots else None)

    def _move(self, step: int) -> None:
        """To the next line above or below, in the same column where there are two."""
        at = self._spot
        if at is None:
            return
        beyond = [each for each in self._spots if (each.y - at.y) * step > 0]
        same = [each for each in beyond if at.side is None or each.side in (None, at.side)]
        self._select(min(same or beyond, key=lambda each: (abs(each.y - at.y), each.side or 0), default=None))

    def _turn(self, side: int) -> None:
        """To the nearest line of the other column."""
        at = self._spot
        if at is not None and at.side not in (None, side):
            other = [each for each in self._spots if each.side == side]
            self._select(min(other, key=lambda each: abs(each.y - at.y), default=None))

    def _select(self, spot: Spot | None) -> None:
        if spot is None:
            return
        self._key = spot.line.key
        self._repaint()
        self.refresh_bindings()
        # a title above the line is worth showing too
        self.parent.scroll_to_region(Region(0, max(0, spot.y - 1), 1, 2), animate=False)  # type: ignore[union-attr]

    def on_click(self, event: events.Click) -> None:
        """Selects a line; a click on the selected one opens it."""
        first, _ = columns(self._width, two=True)
        x, y = event.x - self.styles.padding.left, event.y
        here = [each for each in self._spots if each.y == y and each.side in (None, 0 if x < first else 1)]
        if not here:
            return
        if here[0] == self._spot and self.has_focus:
            self.do_open()
        self._select(here[0])


class DashboardScreen(BaseScreen):
    """Home."""

    NAME = "dashboard"
    SCOPE = "dashboard"

    def __init__(self) -> None:
        super().__init__()
        self._reading = CoalescedRead(self, self._read)
        self._view = DashboardView()
        self._first = True
        self._incomplete = False

    async def prepare(self) -> None:
        self._take(await asyncio.to_thread(dashboard, quick=True))

    def compose(self) -> ComposeResult:
        state = StateMessage("loading", id="dashboard-state")
        page = VerticalScroll(self._view, id="dashboard-page", can_focus=False)
        state.display, page.display = self._first, not self._first
        yield state
        yield page

    def on_mount(self) -> None:
        self._view.focus(scroll_visible=False)
        if self._first:
            self.reread()
        else:
            self._shown()

    def reread(self, batch: EventBatch | None = None) -> None:
        self._reading.wanted(first=self._first)

    async def _read(self) -> None:
        quick = self._first
        found = await self.in_thread(lambda: dashboard(quick=quick))
        page, state = self.query_one("#dashboard-page"), self.query_one("#dashboard-state", StateMessage)
        page.display, state.display = found is not None, found is None
        if found is None:
            state.say("error", "The dashboard could not be read.", "ctrl+r tries again.")
        else:
            self._take(found)
        self._shown()

    def _take(self, found: Dashboard) -> None:
        self._view.show(found)
        self._incomplete = self._first and any(not each.total for each in found.work.busy)
        self._first = False

    def _shown(self) -> None:
        self.call_after_refresh(self.post_message, self.Shown())
        if self._incomplete:
            self._incomplete = False
            after(TOTALS_AFTER, self, self._reading.wanted)
        if self.screen.focused is None:
            self._view.focus(scroll_visible=False)
