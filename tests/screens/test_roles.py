"""A console of a smaller role: what it may not do is refused with a sentence, on the key and in the engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import operators
from engine.operators import Operators
from engine.roles import Role
from engine.store.models import Audit, Client, Request
from screens.common.actions import ACTIONS
from screens.common.roles import NEEDED, role_refusal
from screens.framework.record_view import RecordView
from screens.widgets.dialogs import Notice
from tests.conftest import Store
from tests.screens.console_site import console
from tests.screens.pressing import at, dialog, fill, press, shown_messages, until, words
from tests.screens.site_records import records

CLIENTS, SERVICES, SETTINGS = "789"
SIZE = (100, 40)


@pytest.fixture
def viewer(sqlite_store: Store) -> Iterator[Store]:
    """A store with a record of every kind, and an operator who may only read."""
    records()
    operators.use(Operators(default=Role.VIEWER))
    yield sqlite_store
    operators.use(Operators())


def test_every_action_with_a_role_is_one_that_changes_something() -> None:
    changing = {each.id for each in ACTIONS if each.changes}
    assert set(NEEDED) <= changing
    assert role_refusal(object(), next(each for each in ACTIONS if each.changes)) is None


async def test_keys_of_a_larger_role_say_which_one_they_need(viewer: Store) -> None:
    rows = Audit.select().count()
    async with console().run_test(size=SIZE) as pilot:
        for screen, row, key, role in (
            (CLIENTS, "Acme", "a", "operator"),
            (CLIENTS, "Acme", "n", "support"),
            (SERVICES, 5546, "T", "operator"),
            (SETTINGS, None, "E", "owner"),
        ):
            await at(pilot, screen, row)
            await press(pilot, key)
            why = f"needs the role {role}; yours is viewer"
            if key == "T":  # its question would ask for a name, which is typed before anybody reads
                await dialog(pilot, Notice)
                assert why in words(pilot)
                await press(pilot, "escape")
            else:
                await until(pilot, lambda why=why: why in shown_messages(pilot))
            assert len(pilot.app.screen_stack) == 1
    assert (Audit.select().count(), Request.select().count()) == (rows, 0)


async def test_a_form_reached_another_way_is_refused_by_the_engine(viewer: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, CLIENTS, "Acme")
        await press(pilot, "enter")
        await dialog(pilot, RecordView)
        await press(pilot, "E")
        await fill(pilot, email="noc@acme.example")
        await until(pilot, lambda: "needs the role operator" in words(pilot))
    assert Client.get_by_id(1).email != "noc@acme.example"
