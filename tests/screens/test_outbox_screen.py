"""The mails in the console: every state, a hostile answer of a mail server, and one that is sent again."""

from __future__ import annotations

import pytest

from engine.mail.outbox import sealed
from engine.store.models import Audit, Outbox, Vm
from screens.settings.outbox import OutboxList
from screens.widgets.dialogs import Confirm, Notice
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, NOW, console, fill
from tests.screens.pressing import at, dialog, press, until, words

SIZES = [(80, 24), (120, 40)]
PASSWORD = "Cor-rect-Horse-9"


def add(number: int, state: str, error: str = "", sent_at: int | None = None) -> None:
    """A mail in the outbox."""
    context = "" if state == "sent" else sealed(f"u-{number}", {"password": PASSWORD})
    Outbox.create(
        id=number, uid=f"u-{number}", key=f"k-{number}", vm=Vm.get(), template="ready", state=state, error=error,
        recipient="ops@acme.example", context=context, sent_at=sent_at, created_at=NOW, due_at=NOW,
    )  # fmt: skip


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A mail in each state."""
    fill()
    add(1, "sent", sent_at=NOW)
    add(2, "failed", f"mail.example:25 says: 550 {HOSTILE}")
    add(3, "failed", "It is not known whether the mail server accepted it", sent_at=NOW)
    add(4, "pending", "mail.example:25 says: 450 greylisted")
    return sqlite_store


@pytest.mark.parametrize("size", SIZES)
async def test_the_mails_are_listed_and_a_failed_one_is_sent_again(
    site: Store, size: tuple[int, int]
) -> None:
    async with console().run_test(size=size) as pilot:
        await at(pilot, "9")
        await press(pilot, "@")
        found = await dialog(pilot, OutboxList)
        await until(pilot, lambda: found._table.count == 4)
        await press(pilot, "down", "down", "enter")
        question = await dialog(pilot, Confirm)
        assert "Mail 2" in question._title and "550" in question._details
        assert PASSWORD not in words(pilot) and "\x1b" not in words(pilot)
        await press(pilot, "y")
        await dialog(pilot, OutboxList)
        row = Outbox.get_by_id(2)
        assert (row.state, row.attempts) == ("pending", 0)
        assert (Audit.get().action, Audit.get().source) == ("retry", "console")


async def test_one_that_may_have_gone_is_asked_about_and_one_that_went_only_shown(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "9")
        await press(pilot, "@")
        found = await dialog(pilot, OutboxList)
        await until(pilot, lambda: found._table.count == 4)
        await press(pilot, "down", "enter")
        question = await dialog(pilot, Confirm)
        assert "may reach the client twice" in question._details
        await press(pilot, "escape")
        await dialog(pilot, OutboxList)
        await press(pilot, "end", "enter")
        assert "Mail 1" in (await dialog(pilot, Notice))._title
        await press(pilot, "escape")
        await dialog(pilot, OutboxList)
        await press(pilot, "escape")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
    assert Outbox.get_by_id(3).state == "failed" and Audit.select().count() == 0


async def test_a_read_only_console_shows_and_sends_nothing(site: Store) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await at(pilot, "9")
        await press(pilot, "@", "down", "down", "enter")
        await dialog(pilot, Notice)
        await press(pilot, "y", "enter")
    assert Outbox.get_by_id(2).state == "failed"


async def test_the_dashboard_names_what_did_not_go(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "1")
        shown = words(pilot)
    assert "3 mails not sent" in shown and "mail.example:25 says" in shown
