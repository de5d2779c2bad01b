"""A new password from the console: the method is shown first, the guest gets the password, and it is shown once."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.queries.login import login
from engine.store.models import Audit, Step, Vm
from engine.work.requests import queue_of
from kvmtui.lab import InjectedFault
from screens.framework.screen import actor
from screens.vm.password import PasswordDialog
from screens.widgets.dialogs import Confirm, Dialog
from tests.live.conftest import site, stepped_site
from tests.pipelines.conftest import Site
from tests.screens.console_site import console, settle
from tests.screens.pressing import until
from tests.screens.test_vm_maintenance import press, shown_messages

__all__ = ["site", "stepped_site"]


@pytest.fixture
def vm(site: Site) -> Vm:
    """A VM that was really deployed."""
    return site.walk(site.service(status="Active"))


async def asked(pilot: Pilot[Any], vm: Vm) -> str:
    """Presses the key; what the question says of what it takes."""
    await settle(pilot)
    await pilot.app.open_vm(vm.service_id)  # type: ignore[attr-defined]
    await settle(pilot)
    await press(pilot, "P")
    await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
    dialog: Any = pilot.app.screen
    return str(dialog._details)


def words(pilot: Pilot[Any]) -> str:
    dialog: Any = pilot.app.screen
    assert isinstance(dialog, PasswordDialog)
    return str(dialog._words.content)


@pytest.mark.parametrize("agent", [True, False])
async def test_it_is_set_shown_once_and_copied(agent: bool, site: Site, vm: Vm) -> None:
    before = login(actor(), vm.service_id)[1]
    site.lab.foreign_config(vm.vmid, agent="1" if agent else "0")
    copied: list[str] = []
    async with console().run_test(size=(80, 24)) as pilot:
        pilot.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        takes = await asked(pilot, vm)
        assert ("while the VM runs" in takes) is agent and ("It has no guest agent" in takes) is not agent
        await press(pilot, "n")
        assert queue_of(vm.id) == []
        await asked(pilot, vm)
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, PasswordDialog))
        await press(pilot, "y")
        assert "being set" in words(pilot) and copied == []
        site.walk(vm)
        await until(pilot, lambda: "will not be shown again" in words(pilot))
        user, clear = login(actor(), vm.service_id)
        assert clear != before and user in words(pilot) and clear in words(pilot)
        await press(pilot, "y")
        assert copied == [clear]
        await press(pilot, "escape")
        assert not isinstance(pilot.app.screen, Dialog)
        assert not any(clear in each for each in shown_messages(pilot))
    results = [row.result for row in Step.select().where(Step.label == "Stop VM")]
    assert results == (["skip"] if agent else ["success"])
    trail = [row.action for row in Audit.select().order_by(Audit.id)]
    assert trail.count("password") == 1 and trail.count("show password") == 3
    assert clear not in repr([(row.before, row.after, row.reason) for row in Audit.select()])


async def test_a_failure_is_reported_and_no_password_is_shown(site: Site, vm: Vm) -> None:
    site.lab.foreign_config(vm.vmid, agent="0")
    site.lab.faults.add(
        InjectedFault(kind="status", path="status/shutdown", code=500, text="not today", count=0)
    )
    site.lab.faults.add(InjectedFault(kind="status", path="status/stop", code=500, text="not today", count=0))
    async with console().run_test(size=(80, 24)) as pilot:
        await asked(pilot, vm)
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(pilot.app.screen, PasswordDialog))
        site.walk(vm)
        await until(pilot, lambda: "It failed" in words(pilot))
        assert "not today" in words(pilot) and "Password  " not in words(pilot)
    assert "show password" not in [row.action for row in Audit.select()]


async def test_a_vm_that_is_not_ready_is_refused(site: Site, vm: Vm) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await asked(pilot, vm)
        Vm.update(vm_status="clone").where(Vm.id == vm.id).execute()
        await press(pilot, "y")
        assert "not ready" in shown_messages(pilot)[-1] and not isinstance(pilot.app.screen, Dialog)


async def test_a_read_only_console_refuses(site: Site, vm: Vm) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(vm.service_id)  # type: ignore[attr-defined]
        await press(pilot, "P")
        assert "Read-only" in shown_messages(pilot)[-1] and not isinstance(pilot.app.screen, Dialog)
