"""A guest of the simulated cluster is adopted by keys: looked at, named, and then worked on by the engine."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from engine.store.models import Client, Product, Service, Vm
from screens.services.adopt import AdoptDialog
from screens.widgets.dialogs import Notice, PlanDialog, TypeName
from tests.pipelines.conftest import SPEC, Site, site
from tests.screens.console_site import console, settle
from tests.screens.pressing import until
from tests.services.guests import make_guest

__all__ = ["site"]


@pytest.fixture
def made(site: Site) -> Site:
    """A foreign guest 7001 on the cluster, a client and a product to sell it as."""
    make_guest(site.server, 7001)
    Client.create(name="Acme")
    Product.create(name="VPS", server=site.server, spec={**SPEC, "additional_disk": {"size": 0}})
    return site


async def _look(pilot: Pilot[Any], place: str, vmid: str) -> None:
    await settle(pilot)
    await pilot.press(place)
    await settle(pilot)
    await pilot.press("A")
    await until(pilot, lambda: isinstance(pilot.app.screen, AdoptDialog))
    dialog = pilot.app.screen
    assert isinstance(dialog, AdoptDialog)
    for name, value in {"server": "pve-lab", "vmid": vmid, "client": "Acme", "product": "VPS"}.items():
        dialog.form.fill(name, value)
    await pilot.press("ctrl+o")


def _words(pilot: Pilot[Any]) -> str:
    return "\n".join(str(each.render()) for each in pilot.app.screen.query("*") if isinstance(each, Static))


@pytest.mark.parametrize("place", ["8", "6"])
async def test_a_guest_is_inspected_named_and_adopted(made: Site, place: str) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await _look(pilot, place, "7001")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, TypeName))
        await pilot.press(*"web01", "enter")
        assert not Service.select().exists()
        await pilot.press(*["backspace"] * 5, *"Web01.example.org", "enter")
        await until(pilot, lambda: Vm.select().exists())
        await settle(pilot)
    vm = made.walk(Vm.get())
    assert (vm.vm_status, vm.vmid, vm.service.status) == ("ready", 7001, "Active")


async def test_a_guest_that_must_not_be_taken_says_why(made: Site) -> None:
    made.lab.foreign_config(7001, lock="backup")
    async with console().run_test(size=(80, 24)) as pilot:
        await _look(pilot, "8", "7001")
        await until(pilot, lambda: isinstance(pilot.app.screen, Notice))
        assert "is locked (backup)" in _words(pilot)
    assert not Service.select().exists()


async def test_a_number_nobody_has_is_reported_in_the_form(made: Site) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await _look(pilot, "8", "7099")
        await until(pilot, lambda: "VM 7099 not found" in _words(pilot))
        assert isinstance(pilot.app.screen, AdoptDialog)
