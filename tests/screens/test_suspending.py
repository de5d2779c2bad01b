"""A service is suspended from the console with a reason, for one and for many."""

from __future__ import annotations

import pytest

from engine.actions.packages import suspend
from engine.audit import Actor
from engine.store.models import Audit, Service, Vm
from engine.work.requests import queue_of
from screens.vm.screen import Head
from screens.widgets.confirm import ConfirmVms
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle
from tests.screens.pressing import at, dialog, press


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    fill()
    return sqlite_store


async def test_the_reason_goes_with_each_request(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "8")
        await press(pilot, "space", "space", "z")
        await dialog(pilot, ConfirmVms)
        await press(pilot, "2", "tab", *"not paid", "enter")
    rows = list(Audit.select().order_by(Audit.object_id))
    assert [(row.action, row.object_id, row.reason) for row in rows] == [
        ("suspend", "5546", "not paid"),
        ("suspend", "5547", "not paid"),
    ]
    assert [len(queue_of(vm.id)) for vm in Vm.select().order_by(Vm.id)][:3] == [1, 1, 0]


async def test_a_reinstall_takes_a_reason_for_the_audit_log(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2")
        await press(pilot, "I", *"vps-5546", "tab", *"hacked", "enter")
    (row,) = Audit.select()
    assert (row.action, row.object_id, row.reason) == ("reinstall", "5546", "hacked")


async def test_leaving_the_question_suspends_nothing(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "8")
        await press(pilot, "z")
        await dialog(pilot, ConfirmVms)
        await press(pilot, *"x", "escape")
    assert not Audit.select().exists()


async def test_the_page_of_a_suspended_vm_says_who_why_and_since_when(site: Store) -> None:
    suspend(Actor("anna"), 5546, "not paid")
    Service.update(status="Suspended").where(Service.id == 5546).execute()
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(5546)  # type: ignore[attr-defined]
        await settle(pilot)
        said = pilot.app.query_one(Head).render().plain
    assert "[=] suspended by anna" in said and "not paid" in said
