"""The charts of a VM: columns and gaps as values make them, and the tab over clusters of both versions."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.queries.charts import SPANS
from engine.store.models import Vm
from kvmtui.lab import InjectedFault, Lab
from screens.common import glyphs
from screens.common.glyphs import EIGHTHS, ROUGH
from screens.shell import themes
from screens.vm.tabs.charts import ChartsTab
from screens.vm.tabs.plot import columns, dotted, drawn, grid, top_of
from tests.conftest import Store
from tests.live.conftest import VMID, site, stepped_site
from tests.pipelines.conftest import Site, make_site
from tests.screens.console_site import console, settle
from tests.screens.pressing import until
from tests.screens.test_vm_maintenance import press, running_vm, vm

__all__ = ["site", "stepped_site", "vm"]


def test_a_moment_that_is_missing_is_a_gap() -> None:
    assert grid([(0, 5.0), (60_000, None), (180_000, 6.0)], 60) == [5.0, None, None, 6.0]
    assert grid([(7, 5.0)], 0) == [5.0] and grid([], 60) == []


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([1.0, 3.0, None, None, 5.0, None], 3, [2.0, None, 5.0]),
        ([1.0, None], 4, [1.0, 1.0, None, None]),
        ([], 4, []),
    ],
)
def test_columns_are_averages_of_what_was_measured(values: Any, width: int, expected: Any) -> None:
    assert columns(values, width) == expected


def test_braille_has_two_columns_to_a_cell_and_four_heights_to_a_row() -> None:
    assert dotted([8.0, 4.0, None, None, 0.0, None], 2, 8.0) == ["⡇  ", "⣿ ⡀"]
    assert dotted([6.0], 2, 8.0) == ["⡄", "⡇"]
    assert dotted([], 2, 8.0) == ["", ""]


def test_zero_stands_on_the_ground_and_a_gap_is_empty() -> None:
    assert drawn([0.0, None, 5.0, 10.0], 2, 10.0, EIGHTHS) == ["   █", "▁ ██"]
    assert drawn([0.0, None, 5.0, 10.0], 2, 10.0, ROUGH) == ["   #", ". ##"]


@pytest.mark.parametrize(
    ("highest", "percent", "top"),
    [(0.0, True, 100.0), (5.0, True, 100.0), (51.0, True, 100.0), (0.0, False, 1e3), (1.1e6, False, 2e6),
     (9e9, False, 1e10)],
)  # fmt: skip
def test_the_axis_of_percents_is_fixed_and_others_end_at_a_round_number(
    highest: float, percent: bool, top: float
) -> None:
    assert top_of([None, highest], percent) == top


async def charts(pilot: Pilot[Any], vm: Vm) -> ChartsTab:
    """Open the VM's charts and wait for the first reading."""
    await settle(pilot)
    await pilot.app.open_vm(vm.service_id)  # type: ignore[attr-defined]
    await settle(pilot)
    await pilot.app.current_screen.do_tab("charts")  # type: ignore[attr-defined]
    tab: ChartsTab = pilot.app.current_screen.tab  # type: ignore[attr-defined]
    await read(pilot, tab)
    return tab


async def read(pilot: Pilot[Any], tab: ChartsTab) -> None:
    """Waits until the span that is shown was read."""
    await until(pilot, lambda: bool(tab._error) or tab.span in tab._seen)
    await pilot.pause()


def has_dots(words: str) -> bool:
    """Whether braille patterns are in it."""
    return any("\u2800" < letter <= "\u28ff" for letter in words)


def said(tab: ChartsTab) -> str:
    return "\n".join(tab.sheet.words)


@pytest.mark.parametrize("version", ["8.4", "9.0"])
async def test_every_span_is_drawn_with_its_numbers_and_fits(version: str, sqlite_store: Store) -> None:
    with Lab(nodes=1, speed=0, version=version) as lab:
        for site in make_site(lab):
            vm = running_vm(site)
            lab.advance(40 * 86_400)
            async with console().run_test(size=(80, 24)) as pilot:
                tab = await charts(pilot, vm)
                for span in SPANS:
                    await read(pilot, tab)
                    assert f"[{span}]" in tab.sheet.words[0] and has_dots(said(tab))
                    for name in ("CPU", "RAM", "Disk read", "Network out"):
                        assert name in said(tab)
                    assert said(tab).count("now") == said(tab).count("average") == 6
                    assert max(map(len, tab.sheet.words)) <= 80 and len(tab.sheet.words) <= tab.size.height
                    await press(pilot, ".")


async def test_an_hour_off_is_a_gap_and_the_span_is_remembered(site: Site, vm: Vm) -> None:
    site.lab.advance(1200)
    site.lab.foreign_power(VMID, "stopped")
    site.lab.advance(1200)
    site.lab.foreign_power(VMID, "running")
    site.lab.advance(1100)
    async with console().run_test(size=(120, 40)) as pilot:
        tab = await charts(pilot, vm)
        ground = next(words for words in tab.sheet.words if words.strip().startswith("0 "))
        middle = ground[20:40]
        assert has_dots(ground[:25]) and "     " in middle
        await press(pilot, ".")
        await read(pilot, tab)
        assert tab.span == "day"
        await press(pilot, "right", "left")
        assert pilot.app.current_screen.tab.span == "day"  # type: ignore[attr-defined]


async def test_a_span_that_was_read_stands_there_at_once_and_nobody_asks_without_need(
    site: Site, vm: Vm
) -> None:
    site.lab.advance(1200)
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await charts(pilot, vm)
        site.lab.requests.clear()
        await settle(pilot)
        assert site.lab.requests.entries == []
        await press(pilot, "?")
        tab.looking.again()
        await settle(pilot)
        assert site.lab.requests.entries == []


async def test_an_error_is_a_sentence_and_keeps_what_was_read(site: Site, vm: Vm) -> None:
    site.lab.advance(1200)
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await charts(pilot, vm)
        site.lab.faults.add(InjectedFault(kind="cut", path="rrddata", count=0))
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: bool(tab._error))
        assert tab.sheet.words[1].startswith("[-]") and has_dots(said(tab))
        await press(pilot, ".")
        await until(pilot, lambda: tab.sheet.words[1].startswith("[-]"))


async def test_a_vm_that_was_never_measured_says_so(site: Site, vm: Vm) -> None:
    site.lab.foreign_power(VMID, "stopped")
    site.lab.advance(7_200)
    async with console().run_test(size=(80, 24)) as pilot:
        assert "Nothing was measured in the last hour." in said(await charts(pilot, vm))


async def test_without_utf8_and_on_a_bad_line(site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch) -> None:
    site.lab.advance(1200)
    monkeypatch.setenv("TERM", "vt220")
    async with console().run_test(size=(80, 24)) as pilot:
        words = said(await charts(pilot, vm))
        assert "#" in words and words.isascii()
    appearance = themes.choose(low_bandwidth=True)
    async with console(appearance=appearance).run_test(size=(80, 24)) as pilot:
        words = said(await charts(pilot, vm))
        assert "now" in words and "#" not in words


@pytest.mark.parametrize(
    ("term", "encoding", "expected"),
    [("xterm", "UTF-8", True), ("vt100", "utf-8", False), ("xterm", "ascii", False), ("linux", "utf8", True)],
)
def test_blocks_need_utf8_and_a_terminal_that_has_them(term: str, encoding: str, expected: bool) -> None:
    assert glyphs.blocks({"TERM": term}, encoding) is expected
