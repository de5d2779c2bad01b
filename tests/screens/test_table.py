"""The table: the cursor stays with its row, marks stay, and only what changed is painted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from textual.geometry import Region

from engine.errors import Failed
from screens.widgets.grid import Grid
from screens.widgets.rows import Cell, Column, Key, MemoryRows, RowSource, TableRow, View, fitting
from screens.widgets.table import Table

COLUMNS = (
    Column("id", "ID", 6, right=True),
    Column("name", "Name", 16, grow=True),
    Column("status", "VM status", 12),
    Column("server", "Server", 14, 2),
    Column("ip", "IPs", 24, 3),
)


def row(number: int, status: str = "ready", name: str = "") -> TableRow:
    cell = Cell(status, "ok" if status == "ready" else "busy")
    address = Cell(f"192.0.2.{number % 250}", below=f"vm-{number}.example.com")
    return TableRow(number, (str(number), name or f"vm-{number}", cell, "pve-waw1", address))


def table(rows: int = 100, **options: object) -> Table:
    made = Table(COLUMNS, noun="VMs", empty="No VM yet.\nPress a to create a service.", **options)  # type: ignore[arg-type]
    made.show([row(number) for number in range(rows)])
    return made


@dataclass
class SlowRows:
    """A source that is read in a thread and answers on request."""

    rows: list[TableRow]
    view: View = field(default_factory=View)
    gate: threading.Event = field(default_factory=threading.Event)
    broken: bool = False
    pages: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    inline: bool = False

    def count(self) -> int:
        self.threads.add(threading.get_ident())
        assert self.gate.wait(10)
        if self.broken:
            raise Failed("The database does not answer. Is it running?")
        return len(self._seen())

    def page(self, offset: int, limit: int) -> Sequence[TableRow]:
        self.pages.append(offset)
        return self._seen()[offset : offset + limit]

    def index_of(self, key: Key) -> int | None:
        return next((at for at, each in enumerate(self._seen()) if each.key == key), None)

    def seen(self, view: View) -> RowSource:
        return replace(self, view=view)

    def _seen(self) -> Sequence[TableRow]:
        return MemoryRows(self.rows, COLUMNS, self.view).page(0, len(self.rows))


async def settled(pilot: object, grid: Grid) -> None:
    """Waits until no answer is on its way any more."""
    async with asyncio.timeout(10):
        await pilot.pause()  # type: ignore[attr-defined]
        while grid.reading:
            await asyncio.sleep(0.005)
        await pilot.pause()  # type: ignore[attr-defined]


def words(grid: Grid) -> list[str]:
    return [grid.render_line(y).text.rstrip() for y in range(grid.size.height)]


@pytest.mark.parametrize(
    ("width", "keys"),
    [
        (30, ["id", "name"]),
        (38, ["id", "name", "status"]),
        (60, ["id", "name", "status", "server"]),
        (120, ["id", "name", "status", "server", "ip"]),
    ],
)
def test_the_dearest_columns_stay_when_it_gets_narrow(width: int, keys: list[str]) -> None:
    shown = fitting(COLUMNS, width)
    assert [column.key for _, column in shown] == keys
    assert sum(column.width for _, column in shown) + len(shown) - 1 == width


async def test_keys_move_the_cursor_and_open(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        moves = {
            "j": 1,
            "down": 2,
            "k": 1,
            "pagedown": 23,
            "home": 0,
            "end": 99,
            "pageup": 77,
        }
        for key, index in moves.items():
            await pilot.press(key)
            assert (grid.cursor, grid.cursor_key) == (index, index), key
        await pilot.press("enter")
        assert [message.key for message in pilot.app.heard_of(Table.Opened)] == [77]
        assert pilot.app.heard_of(Grid.Highlighted)[-1].key == 77


async def test_the_cursor_stays_with_its_row_when_others_come_and_go(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press(*["down"] * 40)
        line = grid.cursor - grid.scroll_offset.y
        grid.show([row(number) for number in range(-30, 100) if number != 3])
        await pilot.pause()
        assert grid.cursor_key == 40
        assert grid.current is not None and grid.current.key == 40
        assert grid.cursor - grid.scroll_offset.y == line


async def test_a_row_that_is_gone_leaves_the_cursor_where_it_was(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press(*["down"] * 5)
        grid.show([row(number) for number in range(100) if number != 5])
        await pilot.pause()
        assert (grid.cursor, grid.cursor_key) == (5, 6)
        grid.show([])
        await pilot.pause()
        assert (grid.cursor, grid.cursor_key) == (0, None)
        assert pilot.app.heard_of(Grid.Highlighted)[-1].key is None


async def test_marks_are_kept_by_key_through_sort_and_filter(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "space", "s", "S")
        assert grid.view == View(sort="id", descending=True)
        assert grid.marks == {0, 1}
        grid.look(replace(grid.view, filter="vm-9"))
        await pilot.pause()
        assert grid.count == 11
        assert set(grid.chosen) == {0, 1}
        await pilot.press("u")
        assert grid.chosen == (grid.cursor_key,)


async def test_a_stretch_is_marked_from_the_last_mark(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press("space", "down", "down", "v")
        assert grid.marks == {0, 1, 2, 3}


async def test_one_changed_row_repaints_its_changed_cells_alone(stage, monkeypatch) -> None:
    grid = table()
    async with stage(grid).run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        painted: list[Region] = []
        monkeypatch.setattr(grid, "refresh", lambda *regions, **_: painted.extend(regions or [grid.region]))
        grid.put([row(4, "set_ip"), row(90, "set_ip")])
        assert len(painted) == 1
        assert (painted[0].y, painted[0].height, painted[0].width) == (5, 1, 12)
        painted.clear()
        grid.show([row(number, "clone" if number == 7 else "ready") for number in range(100)])
        assert {region.y for region in painted} == {5, 8}


async def test_a_changed_row_is_still_changed_after_scrolling_back(stage) -> None:
    grid = table(2000)
    async with stage(grid).run_test(size=(120, 40)) as pilot:
        grid.put([row(0, "clone")])
        await pilot.press("end", "home")
        assert "clone" in words(grid)[1]


async def test_a_second_line_shows_the_reverse_name_below(stage) -> None:
    grid = table(lines=2)
    async with stage(grid).run_test(size=(120, 24)) as pilot:
        await pilot.press(*["down"] * 15)
        shown = words(grid)
        assert grid.scroll_offset.y == 10
        assert "192.0.2.5" in shown[1] and "vm-5.example.com" in shown[2]
        assert shown[21].startswith(">")


async def test_clicks_move_open_and_sort(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.click(Table, offset=(10, 5))
        assert grid.cursor_key == 4
        await pilot.click(Table, offset=(10, 5))
        assert [message.key for message in pilot.app.heard_of(Table.Opened)] == [4]
        await pilot.click(Table, offset=(10, 0))
        assert grid.view.sort == "name"


async def test_a_source_that_asks_a_database_never_holds_the_screen(stage) -> None:
    source = SlowRows([row(number) for number in range(5000)])
    grid = Table(COLUMNS, noun="VMs")
    grid.show(source)
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        assert "Loading" in words(grid)[2]
        source.gate.set()
        await settled(pilot, grid)
        assert threading.get_ident() not in source.threads
        await pilot.press("end")
        assert grid.cursor == 4999
        await settled(pilot, grid)
        assert grid.cursor_key == 4999
        assert "4999" in words(grid)[22]
        grid.look(View(filter="vm-12"))
        await settled(pilot, grid)
        assert grid.count == 111 and grid.cursor == 0 and grid.cursor_key == 12


async def test_a_broken_source_says_so_keeps_the_rows_and_is_asked_again(stage) -> None:
    source = SlowRows([row(number) for number in range(50)])
    source.gate.set()
    grid = Table(COLUMNS, noun="VMs")
    grid.show(source)
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await settled(pilot, grid)
        grid._source.broken = True  # type: ignore[union-attr]
        grid.reload()
        await settled(pilot, grid)
        assert "[-] The database does not answer." in words(grid)[-1]
        assert "vm-3" in words(grid)[4]
        grid._source.broken = False  # type: ignore[union-attr]
        await pilot.press("ctrl+t")
        await settled(pilot, grid)
        assert words(grid)[-1].strip() == "50 VMs"


async def test_a_source_that_miscounts_is_not_asked_for_ever(stage) -> None:
    class Miscounting(MemoryRows):
        asked = 0

        def count(self) -> int:
            self.asked += 1
            return super().count() + 40

        def seen(self, view: View) -> MemoryRows:
            return self

    source = Miscounting([row(number) for number in range(5)], COLUMNS)
    grid = Table(COLUMNS)
    grid.show(source)
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        assert source.asked < 5


async def test_empty_says_what_to_do_and_a_filter_says_why_it_is_empty(stage) -> None:
    grid = table(0)
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        assert "Press a to create a service." in words(grid)[3]
        grid.look(View(filter="nobody[/]"))
        await pilot.pause()
        assert "No VMs match 'nobody[/]'." in words(grid)[2]


async def test_the_status_line_shows_age_marks_and_filter(stage) -> None:
    grid = table()
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        grid.look(View(filter="vm-1", sort="name"))
        grid.stale("as of 12 s ago")
        await pilot.press("space")
        assert words(grid)[-1].strip() == "11 VMs · filter 'vm-1' · 1 marked * · as of 12 s ago"


async def test_copying_a_row_copies_what_is_safe_to_paste(stage) -> None:
    grid = Table(COLUMNS)
    grid.show([row(1, name="rm -rf /\n\x1b[A")])
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.press("y")
        assert pilot.app.copied == ["1\trm -rf /␊␛[A\tready\tpve-waw1\t192.0.2.1"]


async def test_cursor_view_and_marks_of_an_earlier_start_come_back(stage) -> None:
    grid = Table(COLUMNS)
    grid.recall(View(sort="id", descending=True), 40, [1, 2])
    grid.show([row(number) for number in range(100)])
    async with stage(grid).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert (grid.cursor_key, grid.cursor) == (40, 59)
        assert words(grid)[1 + 59 - grid.scroll_offset.y].startswith(">")
        assert grid.marks == {1, 2}
