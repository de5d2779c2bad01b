"""Every key of a VM's tabs that changes something, on a VM of the simulated cluster."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.plan import effective
from engine.store.models import Audit, BackupSchedule, Run, SnapshotSchedule, Vm
from engine.work.requests import queue_of
from screens.common.bindings import in_scope
from screens.vm.tabs.status_lines import StatusLines
from screens.widgets.confirm import ConfirmVms
from screens.widgets.dialogs import Confirm, Dialog, Notice, TypeName
from screens.widgets.form import FormDialog
from screens.widgets.table import Table
from tests.live.conftest import MAC, VMID, put, site, stepped_site
from tests.pipelines.conftest import PLAN, SPEC, Site
from tests.screens.console_site import console, settle
from tests.screens.pressing import dialog, until

__all__ = ["site", "stepped_site"]

MANY = {"agent": "1", "ide2": "none,media=cdrom"}


@pytest.fixture
def vm(site: Site) -> Vm:
    """A VM that runs, with a plan that allows everything the tabs offer."""
    return running_vm(site, **PLAN)


def running_vm(site: Site, **plan: Any) -> Vm:
    row = site.service(site.product(**plan), status="Active")
    Vm.update(
        vmid=VMID, node="pve1", name="vm-one", vm_status="ready", due_at=None, remote_status="running",
        mac=MAC, bridge="vmbr0", os_user="admin", plan=effective({**SPEC, **plan}, {}).as_dict(),
    ).where(Vm.id == row.id).execute()  # fmt: skip
    put(site.lab, Vm.get_by_id(row.id), **MANY)
    return Vm.get_by_id(row.id)


async def tab(pilot: Pilot[Any], vm: Vm, name: str) -> Table:
    """Open a tab of the VM's page."""
    await settle(pilot)
    await pilot.app.open_vm(vm.service_id)  # type: ignore[attr-defined]
    await settle(pilot)
    await pilot.app.current_screen.do_tab(name)  # type: ignore[attr-defined]
    await settle(pilot)
    return pilot.app.current_screen.tab.list  # type: ignore[attr-defined, no-any-return]


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def shown_messages(pilot: Pilot[Any]) -> list[str]:
    """The sentences at the edge of the screen."""
    return [each.message for each in pilot.app._notifications]


def done(site: Site, vm: Vm) -> str:
    """Process the requests; the name of the last run, which succeeded."""
    site.walk(vm)
    run = Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()
    assert (run.result, run.error) == ("success", "")
    return str(run.action)


def snapshots(site: Site, vm: Vm) -> list[str]:
    return sorted(each.name for each in site.guest(vm).snapshots)


async def test_a_snapshot_is_taken_shown_rolled_back_to_and_deleted(site: Site) -> None:
    vm = site.walk(site.service(site.product(**PLAN), status="Active"))
    async with console().run_test(size=(100, 30)) as pilot:
        table = await tab(pilot, vm, "snapshots")
        assert table.count == 0
        await press(pilot, "+")
        await dialog(pilot, FormDialog)
        await press(pilot, *"before", "tab", *"an upgrade", "enter")
        assert done(site, vm) == "Snapshot"
        await until(pilot, lambda: table.count == 1)
        assert table.current is not None and table.current.cell(0).below == "an upgrade"

        await press(pilot, "B")
        assert isinstance(pilot.app.screen, TypeName)
        await press(pilot, *"vm-no", "enter")
        assert queue_of(vm.id) == []
        await press(pilot, *["backspace"] * 5, *vm.name, "enter")
        assert done(site, vm) == "Rollback"
        assert site.guest(vm).status == "running"

        await press(pilot, "X")
        assert isinstance(pilot.app.screen, Confirm)
        await press(pilot, "n")
        assert queue_of(vm.id) == []
        await press(pilot, "X", "y")
        assert done(site, vm) == "DeleteSnapshot"
        await until(pilot, lambda: table.count == 0)


async def test_marked_snapshots_are_deleted_together_and_the_plans_limit_is_reported(
    site: Site, vm: Vm
) -> None:
    for name in ("one", "two"):
        site.ask(vm, "Snapshot", name=name, note="")
        site.walk(vm)
    async with console().run_test(size=(100, 30)) as pilot:
        table = await tab(pilot, vm, "snapshots")
        await press(pilot, "+")
        assert "The plan allows 2 and 2 are there" in shown_messages(pilot)[-1]
        await press(pilot, "space", "space", "X", "y")
        assert isinstance(pilot.app.screen, Notice)
        await press(pilot, "escape")
        site.walk(vm)
        await until(pilot, lambda: table.count == 0)
    assert [row.action for row in Audit.select()] == ["snapshot delete"] * 2


@pytest.mark.parametrize(("name", "table"), [("snapshots", SnapshotSchedule), ("backups", BackupSchedule)])
async def test_a_schedule_is_set_by_its_days(name: str, table: Any, site: Site, vm: Vm) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await tab(pilot, vm, name)
        await press(pilot, "w")
        dialog: Any = pilot.app.screen
        await press(pilot, "tab", "space", *["tab"] * 6, *"25:00", "enter")
        assert pilot.app.screen is dialog and table.select().count() == 0
        await press(pilot, *["backspace"] * 5, *"03:30", "enter")
        await until(pilot, lambda: table.select().count() == 1)
        assert (table.get().days, table.get().minute) == (["tue"], 210)
        await until(pilot, lambda: any("on Tuesday at 03:30" in words for words, _ in said(pilot)))


async def test_a_backup_is_made_restored_and_deleted_but_never_that_of_others(site: Site, vm: Vm) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        table = await tab(pilot, vm, "backups")
        await press(pilot, "+")
        assert done(site, vm) == "Backup"
        await until(pilot, lambda: table.count == 1)

        await press(pilot, "B", *"vm-one", "enter")
        assert done(site, vm) == "Restore"
        await until(pilot, lambda: any("Restore ended" in words for words, _ in said(pilot)))

        await press(pilot, "X", "y")
        assert done(site, vm) == "DeleteBackup"
        await until(pilot, lambda: table.count == 0)

        site.back_up(vm, notes="by hand")
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: table.count == 1)
        await press(pilot, "X")
        assert "made by others" in shown_messages(pilot)[-1]
    assert len(site.backups(vm)) == 1


async def test_an_iso_image_is_mounted_replaced_and_ejected(site: Site, vm: Vm) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        table = await tab(pilot, vm, "iso")
        await press(pilot, "M")
        assert shown_messages(pilot)[-1] == "No ISO image of this storage is in the drive."
        await press(pilot, "enter", "enter")
        assert done(site, vm) == "MountIso"
        first = str(site.guest(vm).config["ide2"])
        assert "iso/" in first
        await until(pilot, lambda: table.current is not None and table.current.cell(3).text == "[mounted]")

        await press(pilot, "down", "m")
        assert isinstance(pilot.app.screen, ConfirmVms)
        await press(pilot, "enter")
        assert done(site, vm) == "MountIso"
        assert str(site.guest(vm).config["ide2"]) != first
        await until(pilot, lambda: table.current is not None and table.current.cell(3).text == "[mounted]")

        await press(pilot, "M", "enter")
        assert done(site, vm) == "EjectIso"
        assert "none" in str(site.guest(vm).config["ide2"])


@pytest.mark.parametrize("name", ["snapshots", "backups", "iso"])
async def test_a_plan_that_allows_nothing_says_so_and_refuses(name: str, site: Site) -> None:
    vm = running_vm(site)
    async with console().run_test(size=(100, 30)) as pilot:
        await tab(pilot, vm, name)
        for each in in_scope(name):
            if each.changes and each.run in ("new", "schedule", "mount", "eject"):
                await press(pilot, each.keys[0])
                assert not isinstance(pilot.app.screen, Dialog), each.id
                assert "in the product" in shown_messages(pilot)[-1], each.id
    assert queue_of(vm.id) == []


async def test_a_cluster_that_does_not_answer_is_an_error_that_can_be_tried_again(site: Site, vm: Vm) -> None:
    site.lab.stop()
    async with console().run_test(size=(100, 30)) as pilot:
        table = await tab(pilot, vm, "snapshots")
        assert table.error and table.error.endswith(".")


CHANGING = [each for name in ("snapshots", "backups", "iso") for each in in_scope(name) if each.changes]


@pytest.mark.parametrize("action", CHANGING, ids=lambda each: each.id)
async def test_a_read_only_console_refuses(action: Any, site: Site, vm: Vm) -> None:
    async with console(read_only=True).run_test(size=(100, 30)) as pilot:
        await tab(pilot, vm, action.scope)
        await press(pilot, action.keys[0])
        assert not isinstance(pilot.app.screen, Dialog)
        assert "Read-only" in shown_messages(pilot)[-1]
    assert queue_of(vm.id) == [] and Audit.select().count() == 0


def vm_now(vm: Vm) -> Vm:
    return Vm.get_by_id(vm.id)


def said(pilot: Pilot[Any]) -> tuple[tuple[str, str], ...]:
    """The sentences above the list."""
    return pilot.app.query_one(StatusLines).said
