"""A key means one thing wherever it works; a key that moved works for one more version and says where the action is."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.screen import Screen

import screens
from screens.common import key_meanings
from screens.common.actions import ACTIONS, EVERYWHERE, TOGETHER, Action
from screens.common.bindings import ActionMixin, action, bindings, in_scope, key_name, keymap
from screens.common.key_meanings import EXCEPTIONS, FORMER, double_meanings, meanings
from screens.widgets.footer import Footer, hints
from screens.widgets.rows import Column, TableRow
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import console, fill
from tests.screens.pressing import at


class Pools(ActionMixin, Screen[None]):
    """A list whose `add` moved from `a` to `+`."""

    SCOPE = "pools"
    BINDINGS = bindings("pools")

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        table = Table((Column("id", "ID", 4),), noun="pools")
        table.show([TableRow(1, ("1",)), TableRow(2, ("2",))])
        yield table

    def do_add(self) -> None:
        self.done.append("add")

    def do_export(self) -> None:
        self.done.append("export")


def test_every_key_means_one_thing() -> None:
    assert double_meanings() == []


@pytest.mark.parametrize("key", ["R", "t", "n", "w", "plus", "i"])
def test_a_second_meaning_of_a_key_is_found(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Action("pools.shred", (key,), "Shred", "Shred this pool.", "pools", "shred")
    taken = key in meanings()
    monkeypatch.setattr(key_meanings, "ACTIONS", (*ACTIONS, other))
    found = double_meanings()
    assert ("pools.shred" in " ".join(found)) is taken
    assert len(found) == taken


def _lists() -> list[type[Any]]:
    return [
        kind
        for name in [each.name for each in pkgutil.walk_packages(screens.__path__, "screens.")]
        for kind in vars(import_module(name)).values()
        if isinstance(kind, type) and kind.__module__ == name and getattr(kind, "EMPTY", "")
    ]


def test_an_empty_list_names_keys_that_work_there() -> None:
    lists = _lists()
    assert len(lists) > 9
    for kind in lists:
        scopes = (kind.SCOPE, "list", "page", EVERYWHERE)
        works = {key_name(key) for scope in scopes for each in in_scope(scope) for key in each.keys}
        works |= {f"ctrl+{key[1:]}" for key in works if key.startswith("^")}
        named = re.findall(r"(?<!\S)(\S|ctrl\+.) (?:to|reads|takes|makes|sets)\b", kind.EMPTY)
        assert set(named) <= works, f"{kind.__name__}: {kind.EMPTY}"


def test_no_exception_is_without_need() -> None:
    assert {key for key, uses in meanings().items() if len(uses) > 1} == set(EXCEPTIONS)
    assert all(reason.endswith(".") for reason in EXCEPTIONS.values())


def test_a_former_key_has_no_new_meaning_where_it_still_works() -> None:
    assert all(key not in action(ident).keys for ident, keys in FORMER.items() for key in keys)
    for place, scopes in TOGETHER.items():
        here = [each for scope in {*scopes, EVERYWHERE} for each in in_scope(scope)]
        live = {key for each in here for key in each.keys if each.scope in scopes}
        former = [key for each in here if each.scope in scopes for key in FORMER.get(each.id, ())]
        assert not live & set(former), place
        assert len(former) == len(set(former)), place


async def test_a_former_key_works_and_says_which_key_it_is_now(stage) -> None:
    app = stage()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Pools()
        await app.push_screen(screen)
        await pilot.press("a")
        assert screen.done == ["add"]
        assert said(app) == ["Add is now on +; a ends with the next version."]
        await pilot.press("+")
        assert screen.done == ["add", "add"]
        assert len(said(app)) == 1
        assert [hint.key for hint in hints(screen) if hint.action.id == "pools.add"] == ["+"]


async def test_a_former_key_that_the_operator_gave_to_something_else_is_that(stage) -> None:
    app = stage()
    async with app.run_test(size=(80, 24)) as pilot:
        app.set_keymap(keymap({"pools.export": "a"})[0])
        screen = Pools()
        await app.push_screen(screen)
        await pilot.press("a")
        assert screen.done == ["export"] and said(app) == []


def said(app: Any) -> list[str]:
    """The toasts so far."""
    return [note.message for note in app._notifications]


@pytest.mark.parametrize("key", "234567890")
async def test_a_narrow_footer_has_the_filter_before_every_key_that_changes_something(
    key: str, sqlite_store: Store
) -> None:
    fill()
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, key)
        shown = pilot.app.screen.query_one(Footer)._hints
        names = [hint.action.run for hint in shown]
        changing = [place for place, hint in enumerate(shown) if hint.action.changes]
        assert names.index("filter") < min(changing, default=len(names)), names
