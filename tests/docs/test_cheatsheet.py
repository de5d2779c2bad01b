"""The cheat sheet is one page with every key of the console."""

from __future__ import annotations

from kvmtui.reference import cheatsheet
from screens.common.actions import ACTIONS
from screens.common.bindings import key_name


def test_it_is_one_page_with_every_key() -> None:
    lines = cheatsheet.page().splitlines()
    assert len(lines) <= cheatsheet.LINES
    assert max(map(len, lines)) <= cheatsheet.WIDTH
    words = set(" ".join(lines).split())
    assert {key_name(key) for each in ACTIONS if each.run != "go" for key in each.keys} <= words
    assert all(each.label in "\n".join(lines) for each in ACTIONS if each.keys and each.run != "go")
