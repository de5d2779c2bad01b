"""One table of actions: no key means two things, none is stolen by tmux, read-only refuses with a sentence."""

from __future__ import annotations

import re
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.screen import Screen

from screens.common.actions import ACTIONS, SCREENS, TOGETHER
from screens.common.bindings import TAKEN, ActionMixin, action, bindings, clashes, key_name, keymap
from screens.help.available import available
from screens.help.page import HelpPage, groups
from screens.widgets.footer import Footer, hints
from screens.widgets.header import Facts, Header, Tabs
from screens.widgets.rows import Column, TableRow
from screens.widgets.table import Table
from screens.widgets.tabrow import TabName, TabRow


class Pools(ActionMixin, Screen[None]):
    """A screen with two actions of its scope, one of which changes something."""

    SCOPE = "pools"
    BINDINGS = bindings("pools")

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        table = Table((Column("id", "ID", 4),), noun="pools")
        table.show([TableRow(1, ("1",))])
        yield Header(Facts())
        yield table
        yield Footer()

    def do_add(self) -> None:
        self.done.append("add")

    async def do_export(self) -> None:
        self.done.append("export")

    def refusal(self, asked: Any) -> str | None:
        return "There is nothing to export yet." if asked.run == "export" and "add" not in self.done else None


def test_every_action_has_an_id_of_its_own_and_a_sentence() -> None:
    assert len({each.id for each in ACTIONS}) == len(ACTIONS)
    assert all(each.help.endswith(".") and each.label for each in ACTIONS)
    assert all(any(each.scope in scopes for scopes in TOGETHER.values()) for each in ACTIONS)


def test_no_key_means_two_things_in_one_place() -> None:
    assert clashes() == []
    assert "The key R would mean both vm.redeploy and list.sort." in clashes({"list.sort": "R"})


def test_no_key_is_one_that_terminals_take() -> None:
    keys = {key for each in ACTIONS for key in each.keys}
    assert not keys & set(TAKEN)
    for each in ACTIONS:
        assert not each.keys or not all(key.startswith(("alt+", "f1", "ctrl+shift+")) for key in each.keys)


def test_what_destroys_changes_and_has_a_capital_key() -> None:
    for each in (each for each in ACTIONS if each.destructive):
        assert each.changes
        assert all(key.isupper() for key in each.keys)


@pytest.mark.parametrize(
    ("own", "accepted", "complaint"),
    [
        ({"list.sort": "o,O"}, {}, "would mean both"),
        ({"list.sort": ["f2", "f3"]}, {"list.sort": "f2,f3"}, ""),
        ({"list.nothing": "x"}, {}, "Action list.nothing not found"),
        ({"list.sort": "ctrl+b"}, {}, "list.sort cannot have ctrl+b: tmux takes it."),
        ({"list.sort": "space"}, {}, "The key space would mean both list.sort and list.mark."),
    ],
)
def test_an_operators_keymap_is_judged_in_sentences(own, accepted, complaint) -> None:
    good, wrong = keymap(own)
    assert good == accepted
    assert complaint in " ".join(wrong)
    assert bool(wrong) is bool(complaint)


async def test_a_read_only_console_refuses_with_a_sentence(stage) -> None:
    app = stage(read_only=True)
    async with app.run_test(size=(100, 24)) as pilot:
        screen = Pools()
        await app.push_screen(screen)
        await pilot.press("+")
        assert screen.done == []
        assert [note.message for note in app._notifications] == [
            "Read-only console: 'Add' is refused. Start without --read-only."
        ]
        assert [(hint.action.id, hint.refused) for hint in hints(screen) if hint.action.changes] == [
            ("pools.add", True)
        ]


async def test_what_the_place_itself_refuses_is_reported_until_it_is_possible(stage) -> None:
    app = stage()
    async with app.run_test(size=(100, 24)) as pilot:
        screen = Pools()
        await app.push_screen(screen)
        await pilot.press("e")
        assert screen.done == []
        await pilot.press("+", "e")
        assert screen.done == ["add", "export"]


async def test_the_footer_shows_the_keys_that_work_and_follows_a_keymap(stage) -> None:
    app = stage()
    async with app.run_test(size=(80, 24)) as pilot:
        app.set_keymap(keymap({"list.open": "f2"})[0])
        await app.push_screen(Pools())
        await pilot.pause()
        footer = app.screen.query_one(Footer)
        words = footer.render().plain
        assert "f2 Open" in words and "+ Add" in words
        assert "Delete" not in words  # the screen has no do_delete
        assert len(footer._hints) <= 8
        clicked = words.index("+ Add")
        await pilot.click(Footer, offset=(clicked, 0))
        assert app.screen.done == ["add"]


async def test_help_and_palette_hold_every_action_of_the_place(stage) -> None:
    app = stage()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Pools()
        await app.push_screen(screen)
        await pilot.pause()
        here = {each.id for _, each in available(screen)}
        assert {"pools.add", "pools.export", "list.sort"} <= here
        assert "pools.delete" not in here
        rows = {each.id: keys for _, shown in groups(screen) for keys, each, _ in shown}
        assert rows["list.down"] == "↓ j" and rows["pools.add"] == "+"
        await app.push_screen(HelpPage(screen))
        await pilot.press("escape")
        assert app.screen is screen


def test_all_places_fit_at_eighty_columns() -> None:
    assert sum(len(f" {each.keys[0]}{each.short or each.label}") for each in SCREENS) + 1 <= 80
    assert [each.keys[0] for each in SCREENS] == list("1234567890")
    assert action("go.vms").argument == "vms" and key_name("ctrl+p") == "^p"


async def test_tabs_tell_the_place_that_was_clicked(stage) -> None:
    app = stage(Tabs("dashboard"))
    async with app.run_test(size=(80, 24)) as pilot:
        words = app.query_one(Tabs).render().plain
        await pilot.click(Tabs, offset=(words.index("3Pools"), 0))
        assert [message.name for message in app.heard_of(Tabs.Chosen)] == ["pools"]


@pytest.mark.parametrize("width", [80, 100, 200])
async def test_tabs_have_the_same_names_at_every_width(stage, width: int) -> None:
    app = stage(Tabs("vms"))
    async with app.run_test(size=(width, 24)):
        words = app.query_one(Tabs).render().plain
    assert re.findall("[A-Z]+[a-z]*", words) == [each.short or each.label for each in SCREENS]
    assert len(words) <= width and "[2" in words


async def test_counts_of_tabs_go_before_names_do(stage) -> None:
    row = TabRow([TabName("addresses", "Addresses"), TabName("log", "Log")], "log")
    app = stage(row)
    async with app.run_test(size=(60, 24)) as pilot:
        row.count({"addresses": 2})
        assert row.render().plain == " Addresses 2[Log]"
        row.count({"addresses": 2000})
        await pilot.resize_terminal(18, 24)
        assert row.render().plain == " Addresses[Log]"


async def test_the_most_wanted_counts_stay_where_not_all_fit(stage) -> None:
    app = stage(Tabs("vms"))
    async with app.run_test(size=(120, 24)) as pilot:
        row = app.query_one(Tabs)
        row.count({"vms": 1204, "services": 1190, "pools": 3, "zones": 2})
        assert row.render().plain.startswith("  1 Home[2 VMs 1,204]  3 Pools 3  4 DNS 2  5 Products")
        await pilot.resize_terminal(106, 24)
        assert "[2 VMs 1,204]  3 Pools  4 DNS  5" in row.render().plain
        await pilot.resize_terminal(80, 24)
        assert "[2VMs] 3Pools" in row.render().plain


async def test_the_header_stands_still_until_its_words_change(stage, monkeypatch) -> None:
    header = Header(Facts("Site", "here", 3))
    async with stage(header).run_test(size=(100, 24)):
        painted: list[bool] = []
        monkeypatch.setattr(header, "refresh", lambda *a, **k: painted.append(True))
        for seconds in range(4, 15):
            header.show(Facts("Site", "here", seconds))
        assert painted == []
        header.show(Facts("Site", "here", 125))
        assert painted == [True]
        assert "heartbeat 2 min ago" in header.render().plain
