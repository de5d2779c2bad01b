"""A service is suspended from the console with a reason, for one and for many."""

from __future__ import annotations

from typing import Any

import pytest

from engine.actions.packages import suspend
from engine.audit import Actor
from engine.store.models import Audit, Service, Vm
from engine.work.requests import queue_of
from screens.help import offered
from screens.suspending import WhyDialog
from screens.vm.place import Head
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    fill()
    return sqlite_store


async def _ask(pilot: Any) -> None:
    """Asks for it as the palette does, and waits for the question."""
    node = next(node for node, each in offered(pilot.app.screen) if each.id == "service.suspend_because")
    await node.ask("service.suspend_because")
    for _ in range(3000):
        await pilot.pause(0.01)
        if isinstance(pilot.app.screen, WhyDialog):
            return
    raise AssertionError(f"on top is {pilot.app.screen!r}")


async def test_the_reason_goes_with_each_request(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        await pilot.press("space", "space")
        await _ask(pilot)
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, WhyDialog), "without a reason it goes nowhere"
        await pilot.press(*"not paid", "enter")
        await settle(pilot)
    rows = list(Audit.select().order_by(Audit.object_id))
    assert [(row.action, row.object_id, row.reason) for row in rows] == [
        ("suspend", "5546", "not paid"),
        ("suspend", "5547", "not paid"),
    ]
    assert [len(queue_of(vm.id)) for vm in Vm.select().order_by(Vm.id)][:3] == [1, 1, 0]


async def test_leaving_the_question_suspends_nothing(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        await settle(pilot)
        await _ask(pilot)
        await pilot.press(*"x", "escape")
        await settle(pilot)
    assert not Audit.select().exists()


async def test_the_page_of_a_suspended_machine_says_who_why_and_since_when(site: Store) -> None:
    suspend(Actor("anna"), 5546, "not paid")
    Service.update(status="Suspended").where(Service.id == 5546).execute()
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(5546)  # type: ignore[attr-defined]
        await settle(pilot)
        said = pilot.app.query_one(Head).render().plain
    assert "[=] suspended by anna" in said and "not paid" in said
