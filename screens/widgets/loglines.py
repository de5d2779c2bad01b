"""The lines of the log: a bounded ring, drawn as far as it is in view, followed or held still."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.clock import stamp
from engine.counting import counted
from screens.common.bindings import ActionMixin, bindings
from screens.common.text import LONGEST, fit, pasteable, plain
from screens.widgets.toned import tone_style

TONE_OF = {"success": "ok", "skip": "muted", "waiting": "busy", "error": "error", "note": "muted"}
GLYPH_OF = {"success": "[+]", "skip": "[+]", "waiting": "[~]", "error": "[-]"}
"""The signs the engine's own output uses; a line that starts with one already is left alone."""
SIDESTEP = 16
_NAME = 16
"""Cells of a VM's name."""
HEAD = 1


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the engine's output: its event's number, the words, the result, the VM and the time."""

    seq: int
    text: str
    result: str = ""
    sid: int | None = None
    at: int = 0
    """Milliseconds; 0 shows no time."""
    name: str = ""
    """The VM's name."""


class LogView(ActionMixin, ScrollView, can_focus=True):
    """The newest lines of a log, at most `capacity` of them."""

    SCOPE = "log"
    BINDINGS = bindings("log")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--title",
        "log--cursor",
        "log--match",
    }

    @dataclass
    class SearchWanted(Message):
        """The operator wants to type what to search for."""

        view: LogView

    def __init__(self, capacity: int = 10_000) -> None:
        super().__init__(id="log-view")
        self.capacity = capacity
        self.following = True
        self.needle = ""
        self.only_sid: int | None = None
        self._only_name = ""
        self.last_seq = 0
        self.cursor = 0
        self._lines: deque[LogLine] = deque(maxlen=capacity)
        self._shown: deque[LogLine] = self._lines
        self._indent = 0
        self._missed = 0
        self._styles_by_name: dict[str, Style] = {}
        self._drawn: dict[int, LogLine | None] = {}
        self._drawn_title = ""

    @property
    def texts(self) -> list[str]:
        """The words of every line that is kept, oldest first."""
        return [line.text for line in self._lines]

    # Taking over lines

    def append(self, lines: Iterable[LogLine]) -> None:
        """Adds newer lines; one whose event was seen already is dropped."""
        fresh = [line for line in lines if self._is_new(line)]
        shown = fresh if self.only_sid is None else [line for line in fresh if line.sid == self.only_sid]
        pushed_out = max(0, len(self._shown) + len(shown) - self.capacity)
        self._lines.extend(map(_bounded, fresh))
        if self._shown is not self._lines:
            self._shown.extend(map(_bounded, shown))
        if shown:
            self._grown(len(shown), pushed_out)

    def skip(self, line: LogLine) -> None:
        """Takes note of a line that would have been pushed out at once."""
        self._is_new(line)

    def _is_new(self, line: LogLine) -> bool:
        if line.seq <= self.last_seq:
            return False
        self.last_seq = line.seq
        return True

    def _grown(self, number: int, pushed_out: int) -> None:
        """Follows the end, or holds the lines in view where they are while others come and go."""
        self._set_height()
        if self.following:
            self.cursor = len(self._shown) - 1
            self._to_end()
            self._repaint_moved()
            return
        self._missed += number
        self.cursor = max(0, self.cursor - pushed_out)
        if pushed_out:
            self.scroll_to(y=self.scroll_offset.y - pushed_out, animate=False, force=True)
            if self.scroll_offset.y == 0:
                self.refresh()
        self.refresh(Region(0, 0, self.size.width, HEAD))

    # What is shown

    def only(self, sid: int | None, name: str = "") -> None:
        """Shows the lines of one VM, or all again with None."""
        self.only_sid, self._only_name = sid, name or f"service {sid}"
        mine = self._lines if sid is None else (line for line in self._lines if line.sid == sid)
        self._shown = self._lines if sid is None else deque(mine, maxlen=self.capacity)
        self.cursor = len(self._shown) - 1
        self._set_height()
        self.follow()

    def search(self, needle: str) -> None:
        """Marks what is searched for, and goes to the newest line that holds it."""
        self.needle = needle
        if needle:
            self._seek(range(len(self._shown) - 1, -1, -1))
        self.refresh()

    def follow(self) -> None:
        """Goes to the end and stays there."""
        self.following, self._missed = True, 0
        self.cursor = max(0, len(self._shown) - 1)
        self._to_end()
        self.refresh()

    def pause(self) -> None:
        """Holds the lines in view still."""
        if self.following:
            self.following = False
            self.refresh()

    # What the operator asks

    def do_follow(self) -> None:
        if self.following:
            self.pause()
        else:
            self.follow()

    def do_find(self) -> None:
        self.post_message(self.SearchWanted(self))

    def do_next(self) -> None:
        self._seek(range(self.cursor + 1, len(self._shown)))

    def do_previous(self) -> None:
        self._seek(range(self.cursor - 1, -1, -1))

    def do_only(self) -> None:
        line = self.current
        self.only(None if self.only_sid is not None or line is None else line.sid, line.name if line else "")

    def do_copy(self) -> None:
        if self.current is not None:
            self._copy([self.current])

    def do_copy_view(self) -> None:
        top = self.scroll_offset.y
        self._copy([self._shown[at] for at in range(top, min(len(self._shown), top + self._room()))])

    def do_up(self) -> None:
        self._go(self.cursor - 1)

    def do_down(self) -> None:
        self._go(self.cursor + 1)

    def do_page_up(self) -> None:
        self._go(self.cursor - self._room())

    def do_page_down(self) -> None:
        self._go(self.cursor + self._room())

    def do_first(self) -> None:
        self._go(0)

    def do_left(self) -> None:
        self._indent = max(0, self._indent - SIDESTEP)
        self.refresh()

    def do_right(self) -> None:
        self._indent = min(LONGEST, self._indent + SIDESTEP)
        self.refresh()

    @property
    def current(self) -> LogLine | None:
        """The line under the cursor."""
        return self._shown[self.cursor] if 0 <= self.cursor < len(self._shown) else None

    def on_click(self, event: events.Click) -> None:
        spot = event.get_content_offset(self)
        if spot is not None and spot.y >= HEAD:
            self._go(min(len(self._shown) - 1, spot.y - HEAD + self.scroll_offset.y))

    def on_mouse_scroll_up(self) -> None:
        self.pause()

    def _copy(self, lines: list[LogLine]) -> None:
        self.app.copy_to_clipboard("\n".join(pasteable(shown_text(line)) for line in lines))
        self.notify(f"{counted(len(lines), 'lines are')} on the clipboard.", markup=False, timeout=2)

    def _go(self, index: int) -> None:
        """Puts the cursor on a line and holds still."""
        self.following = False
        self.cursor = max(0, min(index, len(self._shown) - 1))
        top, room = self.scroll_offset.y, self._room()
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + room:
            self.scroll_to(y=self.cursor - room + 1, animate=False, force=True)
        self.refresh()

    def _seek(self, places: range) -> None:
        needle = self.needle.casefold()
        for at in places:
            if needle and needle in self._shown[at].text.casefold():
                self._go(at)
                return

    # Drawing

    def on_resize(self) -> None:
        self._set_height()
        if self.following:
            self._to_end()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_name.clear()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Paints what moved; there is no scroll bar here that would have to follow."""
        if round(old_value) != round(new_value):
            self._repaint_moved()

    def _repaint_moved(self) -> None:
        """Paints the lines that are others now, only as wide as the old and the new one are."""
        top = self.scroll_offset.y - HEAD
        regions = [Region(0, 0, self.size.width, HEAD)] if self._drawn_title != self.title_line else []
        for y in range(HEAD, self.size.height):
            at = y + top
            now = self._shown[at] if at < len(self._shown) else None
            before = self._drawn.get(y)
            if now is not before:
                regions.append(Region(0, y, max(_width(now), _width(before)), 1))
        seen = [region for region in regions if region.area]
        if seen:
            self.refresh(*seen)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if y < HEAD:
            style = self._style_named("log--title")
            self._drawn_title = self.title_line
            return Strip([Segment(plain(self._drawn_title), style)]).adjust_cell_length(width, style)
        at = y - HEAD + self.scroll_offset.y
        self._drawn[y] = self._shown[at] if at < len(self._shown) else None
        if at >= len(self._shown):
            return Strip.blank(width, self._style_named(""))
        return self._line(at, width)

    @property
    def title_line(self) -> str:
        """The title line: following or paused, the filter, the search."""
        paused = f"paused at {self.cursor + 1:,} of {len(self._shown):,}, {self._missed:,} newer, end follows"
        facts = ["Log", "following" if self.following else paused]
        facts += [f"only {self._only_name}"] if self.only_sid is not None else []
        facts += [f"search '{self.needle}'"] if self.needle else []
        return " " + " · ".join(facts)

    def _line(self, at: int, width: int) -> Strip:
        line = self._shown[at]
        base = self._style_named("")
        under_cursor = at == self.cursor and not self.following
        style = base + self._style_named("log--cursor") if under_cursor else base
        segments: list[Segment] = []
        left, used = self._indent, 0
        for words, tone in pieces(line):
            cut, left = words[left:], max(0, left - len(words))
            own = style if under_cursor or not tone else style + tone_style(self.app, tone)
            segments += _matched(cut, self.needle, own, own + self._style_named("log--match"))
            used += cell_len(cut)
        segments.append(Segment(" " * max(0, width - used), style))
        return Strip(segments).adjust_cell_length(width, style)

    def _style_named(self, name: str) -> Style:
        if name not in self._styles_by_name:
            self._styles_by_name[name] = self.get_component_rich_style(name) if name else self.rich_style
        return self._styles_by_name[name]

    def _room(self) -> int:
        return max(1, self.size.height - HEAD)

    def _set_height(self) -> None:
        size = Size(self.scrollable_content_region.width, len(self._shown) + HEAD)
        # Set without its watchers: a new layout for every batch of lines would paint the whole pane each time.
        self.set_reactive(LogView.virtual_size, size)

    def _to_end(self) -> None:
        self.scroll_to(y=max(0, len(self._shown) - self._room()), animate=False, force=True)


def _width(line: LogLine | None) -> int:
    """Cells a line takes."""
    return 0 if line is None else cell_len(shown_text(line))


def shown_text(line: LogLine) -> str:
    """A line as it is shown: time, VM, sign of the result, words."""
    return "".join(words for words, _ in pieces(line))


def pieces(line: LogLine) -> list[tuple[str, str]]:
    """The parts of a line and their tones: only the sign has a colour, so that the result needs none."""
    words = plain(line.text)
    glyph = GLYPH_OF.get(line.result, "")
    if words.startswith(("[+]", "[~]", "[-]")):
        glyph, words = words[:3], words[3:].lstrip()
    time = f"{stamp(line.at)[11:19]} " if line.at else ""
    name = f"{fit(plain(line.name), _NAME)} " if line.at else ""
    return [
        *([(f"{time}{name}", "muted")] if line.at else []),
        *([(f"{glyph} ", TONE_OF.get(line.result, ""))] if glyph else []),
        (words, ""),
    ]


def _bounded(line: LogLine) -> LogLine:
    """A line cut to what a screen can show, so that the memory of the ring is bounded."""
    return line if len(line.text) <= LONGEST else replace(line, text=line.text[:LONGEST])


def _matched(words: str, needle: str, style: Style, hit: Style) -> list[Segment]:
    """The words in pieces, with every match in its own style."""
    low, wanted = words.casefold(), needle.casefold()
    if not wanted or len(low) != len(words) or wanted not in low:
        return [Segment(words, style)]
    pieces, at = [], 0
    while (found := low.find(wanted, at)) >= 0:
        pieces += [Segment(words[at:found], style), Segment(words[found : found + len(wanted)], hit)]
        at = found + len(wanted)
    return [*pieces, Segment(words[at:], style)]
