"""The live log: nothing lost, nothing doubled, and a paused view stays where it is."""

from __future__ import annotations

import threading
from collections import deque

from screens.widgets.log import LogPane
from screens.widgets.loglines import LogLine, LogView, shown_text
from screens.widgets.prompt import Prompt


def lines(first: int, last: int) -> list[LogLine]:
    return [LogLine(seq, f"line {seq}", sid=5000 + seq % 3) for seq in range(first, last + 1)]


def shown(view: LogView) -> list[str]:
    return [view.render_line(y).text.strip() for y in range(1, view.size.height)]


async def test_what_threads_append_arrives_once_and_in_order(stage) -> None:
    inbox: deque[LogLine] = deque()
    pane = LogPane(inbox)
    async with stage(pane).run_test(size=(80, 24)) as pilot:
        writers = [threading.Thread(target=inbox.extend, args=(lines(1, 900),)) for _ in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        pane.drain()
        inbox.extend(lines(850, 1000))
        pane.drain()
        await pilot.pause()
        assert [line.seq for line in pane.view._lines] == list(range(1, 1001))
        assert pane.last_seq == 1000


async def test_a_flood_is_bounded_and_ends_with_the_newest(stage) -> None:
    inbox: deque[LogLine] = deque()
    pane = LogPane(inbox, capacity=500)
    async with stage(pane).run_test(size=(80, 24)):
        inbox.extend(lines(1, 50_000))
        pane.drain()
        assert not inbox
        assert [line.seq for line in pane.view._lines] == list(range(49_501, 50_001))
        inbox.append(LogLine(50_001, "x" * 100_000))
        pane.drain()
        assert len(pane.view._lines[-1].text) < 5_000


async def test_scrolling_up_pauses_and_the_view_stays_while_lines_come(stage) -> None:
    pane = LogPane(deque(lines(1, 100)), capacity=120)
    async with stage(pane).run_test(size=(80, 24)) as pilot:
        pane.cycle()
        pane.drain()
        await pilot.pause()
        assert shown(pane.view)[-1] == "line 100"
        await pilot.press("k")
        assert not pane.view.following
        before = shown(pane.view)
        pane.inbox.extend(lines(101, 150))
        pane.drain()
        await pilot.pause()
        assert shown(pane.view) == before
        assert "50 newer, end follows" in pane.view.render_line(0).text
        await pilot.press("end")
        await pilot.pause()
        assert shown(pane.view)[-1] == "line 150"


async def test_only_one_vm_then_all_again(stage) -> None:
    pane = LogPane(deque(lines(1, 60)))
    async with stage(pane).run_test(size=(80, 24)) as pilot:
        pane.cycle()
        pane.drain()
        await pilot.press("k", "i")
        assert pane.view.only_sid == 5000 + 59 % 3
        pane.inbox.extend(lines(61, 70))
        pane.drain()
        await pilot.pause()
        assert {int(words.split()[1]) % 3 for words in shown(pane.view) if words} == {59 % 3}
        assert shown(pane.view)[-1] == "line 68"
        await pilot.press("i")
        assert pane.view.only_sid is None
        assert shown(pane.view)[-1] == "line 70"


async def test_search_finds_the_newest_then_goes_up_and_down(stage) -> None:
    pane = LogPane(deque(lines(1, 300)))
    async with stage(pane).run_test(size=(80, 24)) as pilot:
        pane.cycle()
        pane.drain()
        await pilot.press("slash", *"LINE 12", "enter")
        assert pane.view.current is not None
        assert pane.view.current.seq == 129
        await pilot.press("N")
        assert pane.view.current.seq == 128
        await pilot.press("n")
        assert pane.view.current.seq == 129
        assert "search 'LINE 12'" in pane.view.render_line(0).text
        await pilot.press("slash")
        assert not pane.query_one(Prompt).has_class("hidden")
        await pilot.press("escape")
        assert pane.view.needle == "" and pane.view.has_focus


async def test_copying_takes_the_line_or_the_view_without_control_characters(stage) -> None:
    pane = LogPane(deque([LogLine(1, "one"), LogLine(2, "two\x1b]52;c;eA==\x07")]))
    async with stage(pane).run_test(size=(80, 24)) as pilot:
        pane.cycle()
        pane.drain()
        await pilot.pause()
        await pilot.press("y", "Y")
        assert pilot.app.copied == ["two␛]52;c;eA==␇", "one\ntwo␛]52;c;eA==␇"]


async def test_three_sizes_and_a_hidden_pane_collects_without_painting(stage) -> None:
    pane = LogPane(deque())
    async with stage(pane).run_test(size=(80, 40)) as pilot:
        heights = []
        for _ in range(3):
            pane.cycle()
            await pilot.pause()
            heights.append(pane.size.height if pane.display else 0)
        assert heights == [17, 39, 0]
        pane.inbox.extend(lines(1, 10))
        pane.drain()
        assert pane.last_seq == 10


def test_a_result_is_shown_by_a_sign_and_not_twice() -> None:
    assert shown_text(LogLine(1, "Clone VM", "success")) == "[+] Clone VM"
    assert shown_text(LogLine(1, "[-] sid:1 Clone VM", "error")) == "[-] sid:1 Clone VM"
    assert shown_text(LogLine(1, "waits", "waiting")) == "[~] waits"
    assert shown_text(LogLine(1, "Cron Start")) == "Cron Start"
