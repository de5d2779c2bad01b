"""The part of a table that draws: rows around what is in view, a cursor on a key, changed cells alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.clock import now_ms
from engine.counting import counted
from screens.common.text import clamp
from screens.widgets.painter import Painter
from screens.widgets.reader import RowReader
from screens.widgets.rows import Column, Key, RowSource, TableRow, View
from screens.widgets.toned import tone_style
from screens.widgets.window import Window, WindowRequest

HEAD, FOOT = 1, 1
"""Lines above and below the rows: titles, and how many rows under which view."""


class Grid(ScrollView, can_focus=True):
    """Rows of a source under titles, with a cursor that stays on its key."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        "table--marked",
        "table--blurred",
        "table--status",
        "table--alert",
        "table--words",
    }

    @dataclass
    class Highlighted(Message):
        """The cursor came to the row of this key; None when no row is left."""

        grid: Grid
        key: Key | None

    cursor_key: Key | None
    _reported_key: Key | None

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        noun: str = "rows",
        empty: str = "Nothing here yet.",
        lines: int = 1,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.noun, self.empty, self.lines = noun, empty, lines
        self.view = View()
        self.marks: frozenset[Key] = frozenset()
        self.cursor, self.cursor_key, self._reported_key = 0, None, None
        self.error = ""
        self.narrowed = ""
        """The filters besides the text that are on, as words."""
        self._stale = ""
        self.read_at: int | None = None
        """When the rows were read."""
        self._source: RowSource | None = None
        self._window = Window()
        self._follow = False
        self._new_view = False
        self._loaded = False
        self._behind = False
        self._styles_by_name: dict[str, Style] = {}
        self._painter = Painter(self.columns, self._style_named)
        self._reader = RowReader(self, self._request, self._arrived, self._failed)

    def reload(self) -> None:
        """Reads the rows again; only cells that changed are painted."""
        self._follow = True
        self._ask()

    def put(self, rows: Iterable[TableRow]) -> None:
        """Newer versions of some rows: each is repainted if it is in view, and nothing else is."""
        before, self._window = self._window, self._window.with_rows(rows)
        self._repaint_changes(before)

    def row(self, key: Key) -> TableRow | None:
        """The row of this key, if it is at hand."""
        at = self._window.index_of(key)
        return None if at is None else self._window.row(at)

    def has(self, key: Key) -> bool:
        """Whether the row of this key is at hand."""
        return self._window.index_of(key) is not None

    def stale(self, since: str) -> None:
        """Says how old the rows are, such as "as of 12 s ago"; empty when they are current."""
        if since != self._stale:
            self._stale = since
            self.refresh(*self._edges())

    @property
    def current(self) -> TableRow | None:
        """The row under the cursor, if it is at hand."""
        return self._window.row(self.cursor)

    @property
    def count(self) -> int:
        """How many rows there are under the filter."""
        return self._window.count

    @property
    def reading(self) -> bool:
        """True while an answer of the source is on its way."""
        return self._reader.busy

    @property
    def catching_up(self) -> bool:
        """True while the rows for the operator's last view or move are being read: the cursor may be elsewhere."""
        return self._reader.busy and (self._behind or (self.cursor_key is None and self.count > 0))

    # Reading

    def _ask(self) -> None:
        if self._source is not None and self.is_attached:
            self._reader.ask(self._source)

    def _request(self) -> WindowRequest:
        room = self._room()
        limit = max(200, room * 5)
        follow, self._follow = self._follow, False
        top = self.scroll_offset.y // self.lines
        first = top - (limit - room) // 2
        return WindowRequest(first, limit, self.cursor_key, follow, room, self.cursor - top)

    def _arrived(self, wanted: WindowRequest, window: Window) -> None:
        before, self._window = self._window, window
        was_empty, self._loaded, self._behind = not before.rows or bool(self.error), True, False
        self.error, self.read_at = "", now_ms()
        self.stale("")
        self._set_height()
        if wanted.follow:
            self._follow_key(wanted, window)
        self._settle_cursor()
        if was_empty or not window.rows or before.count != window.count:
            self.refresh()
        else:
            self._repaint_changes(before)
        self._cover_view()

    def _follow_key(self, wanted: WindowRequest, window: Window) -> None:
        """Puts the cursor where its row is now, at the height on the screen where it was."""
        where = window.found if wanted.key == self.cursor_key else window.index_of(self.cursor_key)
        new_view, self._new_view = self._new_view, False
        if where is None:
            where = 0 if new_view else self.cursor
            self.cursor_key = None
        moved, self.cursor = where - self.cursor, where
        if moved:
            self.scroll_to(y=self.scroll_offset.y + moved * self.lines, animate=False, force=True)
            self._bring_into_view()
            self.refresh()

    def _settle_cursor(self) -> None:
        """Gives the cursor the key of its row, once that row is at hand."""
        self.cursor = max(0, min(self.cursor, self.count - 1))
        row = self.current
        if row is not None or self.count == 0:
            self.cursor_key = row.key if row is not None else None
            self._report_cursor()

    def _report_cursor(self) -> None:
        """Says where the cursor is, once per key."""
        if self.cursor_key != self._reported_key:
            self._reported_key = self.cursor_key
            self.post_message(self.Highlighted(self, self._reported_key))

    def _failed(self, sentence: str) -> None:
        """Shows what failed; rows of an earlier view do not stay under a view they do not belong to."""
        if self._behind:
            self._window = Window()
            self._set_height()
            self._settle_cursor()
        self.error, self._loaded, self._behind = sentence, True, False
        self.refresh()

    def _cover_view(self) -> None:
        """Reads on when rows in view, or soon in view, are not at hand."""
        top, room = self.scroll_offset.y // self.lines, self._room()
        margin = 0 if self._source is None or self._source.inline else room
        if self._loaded and not self._window.holds(max(0, top - margin), top + room + 1 + margin):
            self._ask()

    # Moving and painting

    def _move(self, index: int) -> None:
        before, self.cursor = self.cursor, max(0, min(index, self.count - 1))
        if before == self.cursor:
            return
        row = self.current
        self.cursor_key = None if row is None else row.key
        self._bring_into_view()
        self._refresh_rows(before, self.cursor)
        if row is not None:
            self._report_cursor()

    def _bring_into_view(self) -> None:
        top, y = self.scroll_offset.y, self.cursor * self.lines
        if y < top:
            self.scroll_to(y=y, animate=False, force=True)
        elif y + self.lines > top + self._body():
            self.scroll_to(y=y + self.lines - self._body(), animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._cover_view()

    def _repaint_changes(self, before: Window) -> None:
        top = self.scroll_offset.y // self.lines
        regions = [
            region
            for index in range(top, top + self._room() + 1)
            for region in self._changed_cells(index, before.row(index), self._window.row(index))
        ]
        if regions:
            self.refresh(*regions)

    def _changed_cells(self, index: int, old: TableRow | None, new: TableRow | None) -> list[Region]:
        if new is None or old == new:
            return []
        if old is None or old.key != new.key or old.wide or new.wide:
            return self._row_region(index)
        y = HEAD + index * self.lines - self.scroll_offset.y
        spots = (self._painter.extent(at) for at in range(len(self.columns)) if old.cell(at) != new.cell(at))
        return [self._in_body(Region(x, y, width, self.lines)) for x, width in filter(None, spots)]

    def _row_region(self, index: int) -> list[Region]:
        y = HEAD + index * self.lines - self.scroll_offset.y
        region = self._in_body(Region(0, y, self._painter.width, self.lines))
        return [region] if region.area else []

    def _in_body(self, region: Region) -> Region:
        return region.intersection(Region(0, HEAD, self._painter.width, self._body()))

    def _refresh_rows(self, *indexes: int) -> None:
        regions = [region for index in indexes for region in self._row_region(index)]
        if regions:
            self.refresh(*regions)

    def _edges(self) -> tuple[Region, ...]:
        """The title line and the line below the rows."""
        width, height = self._painter.width, self.size.height
        return Region(0, 0, width, HEAD), Region(0, height - FOOT, width, FOOT)

    # Drawing

    def on_mount(self) -> None:
        self._refresh_scrollbars()
        self._ask()

    def on_resize(self) -> None:
        self._painter.resize(self.scrollable_content_region.width)
        self._set_height()
        self._bring_into_view()
        self._cover_view()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_name.clear()
        self._painter.forget()

    def render_line(self, y: int) -> Strip:
        if y < HEAD:
            return self._painter.header(self.view)
        if y >= self.size.height - FOOT:
            broken = self.error and self._window.rows
            return self._painter.line(self._status(), "table--alert" if broken else "table--status")
        return self._body_line(y - HEAD)

    def _body_line(self, y: int) -> Strip:
        if not self.count:
            words = ["", *self._words()]
            return self._painter.line(words[y], "table--words") if y < len(words) else self._painter.blank()
        index, part = divmod(y + self.scroll_offset.y, self.lines)
        row = self._window.row(index)
        if row is None:
            return self._painter.line("  ·", "table--words") if index < self.count else self._painter.blank()
        look = "" if index != self.cursor else "cursor" if self.has_focus else "blurred"
        return self._painter.row(row, part, look, row.key in self.marks)

    def _words(self) -> list[str]:
        """What is shown in place of rows when there are none."""
        if self.error:
            words = wrap(self.error, max(20, self._painter.width - 4))
            retry = "Press ctrl+t to retry."
            keys = "/ changes the filter, esc clears it, ctrl+t retries." if self.view.filter else retry
            return [*(f"  {line}" for line in words), "", f"  {keys}"]
        if not self._loaded:
            return ["  Loading …"]
        if self.view.filter or self.narrowed:
            on = [f"'{self.view.filter}'"] if self.view.filter else []
            on += [self.narrowed] if self.narrowed else []
            return [
                f"  No {self.noun} match {' · '.join(on)}.",
                "",
                "  esc clears the filters, / changes the text.",
            ]
        return [f"  {line}" for line in self.empty.split("\n")]

    def _status(self) -> str:
        """The line below: an error, or how many rows under which view."""
        if self.error and self._window.rows:
            return f"  [-] {clamp(self.error, self.size.width - 27)} ctrl+t retries."
        facts = [counted(self.count, self.noun)] if self._loaded and not self.error else []
        facts += [f"filter '{self.view.filter}'"] if self.view.filter else []
        facts += [f"{len(self.marks):,} marked *"] if self.marks else []
        facts += [self._stale] if self._stale else []
        return "  " + " · ".join(facts)

    def _set_height(self) -> None:
        size = Size(self._painter.width, self.count * self.lines + HEAD + FOOT)
        if size != self.virtual_size:
            self.virtual_size = size

    def _body(self) -> int:
        """Lines there are for rows."""
        return max(1, self.size.height - HEAD - FOOT)

    def _room(self) -> int:
        """Rows there is room for."""
        return max(1, self._body() // self.lines)

    def _style_named(self, name: str) -> Style:
        if name not in self._styles_by_name:
            self._styles_by_name[name] = self._style(name)
        return self._styles_by_name[name]

    def _style(self, name: str) -> Style:
        if name.startswith("tone--"):
            return tone_style(self.app, name.removeprefix("tone--"))
        return self.get_component_rich_style(name) if name else self.rich_style
