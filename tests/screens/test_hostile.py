"""Strangers' words in every widget: nothing crashes, nothing vanishes, nothing reaches the terminal raw."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import deque
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.screen import Screen
from textual.widget import Widget

from screens.common.text import plain
from screens.widgets.dialogs import Choice, Choose, Confirm, Notice, PlanDialog, PlanLine, TypeName
from screens.widgets.header import Facts, Header
from screens.widgets.log import LogPane
from screens.widgets.loglines import LogLine
from screens.widgets.prompt import Prompt
from screens.widgets.rows import Cell, Column, TableRow, View
from screens.widgets.state import StateMessage
from screens.widgets.table import Table

TRICKS = (
    *(
        "a[/b]",
        "[@click=app.quit]x[/]",
        "web [prod]",
        "\x1b]0;x\x07",
        "\x9b31m",
        "\u202egnp",
        "\u200b",
        "\ud800",
    ),
    *("two\nlines", "tab\there", "\x00", "x" * 10_000, "日本語" * 50, "e" + "\u0301" * 30, "[", "\\[", "$x"),
)
words = st.one_of(st.sampled_from(TRICKS), st.lists(st.sampled_from(TRICKS), max_size=4).map("".join))


def widgets(word: str) -> Iterable[Widget]:
    table = Table((Column("a", word, 20), Column("b", "B", 20, grow=True)), noun=word, empty=word, lines=2)
    table.recall(View(filter=""))
    table.show([TableRow(word, (word, Cell(word, "ok", word))), TableRow(2, (word,))])
    empty = Table((Column("a", word, 20),), noun=word, empty=word)
    empty.recall(View(filter=word, sort="a"))
    empty.show([])
    log = LogPane(deque([LogLine(1, word, "error", 1)]))
    log.view.needle = word
    return (
        *(Header(Facts(word, word, None, 1, True, word)), StateMessage("error", word, word)),
        *(table, empty, log, Prompt("/", word)),
    )


def dialogs(word: str) -> Iterable[Screen[object]]:
    return (
        *(Confirm(word, word, yes=word), TypeName(word, word, (word,)), Notice(word, word)),
        *(PlanDialog(word, (PlanLine("-", word),)), Choose(word, (Choice(word, word),))),
    )  # type: ignore[return-value]


def harmless(svg: str) -> None:
    for char in svg:
        assert char in "\n\xa0" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(
            char
        )


async def drawn(stage, word: str) -> None:
    app = stage(*widgets(word))
    async with app.run_test(size=(100, 60)) as pilot:
        pane = app.query_one(LogPane)
        pane.drain()
        pane.cycle()
        await pilot.pause()
        harmless(app.export_screenshot(simplify=True))
        for dialog in dialogs(word):
            await app.push_screen(dialog)
            await pilot.pause()
            harmless(app.export_screenshot(simplify=True))
            await app.pop_screen()
        app.notify(plain(word), markup=False)
        await pilot.press("tab", "down", "y")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words)
def test_no_widget_interprets_foreign_text(stage, word: str) -> None:
    asyncio.run(drawn(stage, word))


@pytest.mark.parametrize("word", ["a[/b]", "web [prod]", "[@click=app.quit]x[/]"])
async def test_what_looks_like_markup_is_still_there(stage, word: str) -> None:
    app = stage(StateMessage("error", word), Header(Facts(word)))
    async with app.run_test(size=(100, 20)) as pilot:
        await pilot.pause()
        shown = re.sub(r"<[^>]*>", "", app.export_screenshot(simplify=True))
        assert shown.replace("&#160;", " ").replace("\xa0", " ").count(word) == 2
