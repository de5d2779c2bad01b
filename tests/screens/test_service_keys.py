"""Every key of clients, services and settings that changes something, pressed on a real store."""

from __future__ import annotations

from typing import Any

import pytest

from engine.actions.products import create_product
from engine.audit import current_actor
from engine.forms import ProductForm, checked
from engine.store import settings
from engine.store.models import (
    Address,
    Audit,
    Client,
    Service,
    TaskState,
    Vm,
)
from screens.framework.notes import NotesDialog
from screens.framework.record_view import RecordView
from screens.framework.save_dialog import SaveDialog
from screens.services.options import OptionsDialog
from screens.widgets.confirm import ConfirmVms
from screens.widgets.dialogs import Choose, Confirm, Notice, PlanDialog
from screens.widgets.form import FormDialog
from tests.conftest import Store
from tests.screens.console_site import NOW, console, place
from tests.screens.pressing import at, dialog, fill, gone, press, shown_messages, until, words
from tests.screens.site_records import records

POOLS, CLIENTS, SERVICES, SETTINGS = "3789"
SIZE = (100, 40)


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A store with a record of every kind."""
    records()
    return sqlite_store


async def test_a_client_is_edited_and_shows_its_services(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, CLIENTS, "Acme")
        await press(pilot, "E")
        await fill(pilot, email="noc@acme.example", language="de")
        await gone(pilot)
        await press(pilot, "enter")
        services = await dialog(pilot, RecordView)
        assert services.table.count == 2
        await press(pilot, "enter")
        await gone(pilot)
        assert place(pilot).service_id == 5546  # type: ignore[attr-defined]
    assert (Client.get_by_id(1).email, Client.get_by_id(1).language) == ("noc@acme.example", "de")


async def test_notes_of_a_client_are_written_and_never_over_somebody_elses(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, CLIENTS, "Acme")
        await press(pilot, "#")
        await dialog(pilot, NotesDialog)
        await press(pilot, *"Pays late", "ctrl+o")
        await gone(pilot)
        assert Client.get(Client.name == "Acme").notes == "Pays late"
        await press(pilot, "#")
        await dialog(pilot, NotesDialog)
        Client.update(notes="theirs").execute()
        await press(pilot, *"mine", "ctrl+o")
        await until(pilot, lambda: "changed by somebody else" in words(pilot))
        assert Client.get(Client.name == "Acme").notes == "theirs"


async def test_a_client_with_services_is_not_deleted(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, CLIENTS, "Acme")
        await press(pilot, "D", *"Acme", "enter")
        assert "service" in (await dialog(pilot, Notice))._words
    assert Client.get_or_none(Client.name == "Acme") is not None


# Services


async def test_a_service_is_created_with_what_its_product_has_shown(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES)
        await press(pilot, "+")
        form = (await dialog(pilot, SaveDialog)).form
        form.fill("product", "VPS-XL")
        await pilot.pause()
        assert "8192 (the product's)" in words(pilot)
        await fill(pilot, client="Zenith", id="6000", options__memory="16384")
        await gone(pilot)
    row = Service.get_by_id(6000)
    assert (row.client.name, row.product.name, row.options) == ("Zenith", "VPS-XL", {"memory": 16384})
    assert Vm.get(Vm.service == 6000).vm_status == "creation"


@pytest.mark.parametrize(("key", "number", "action"), [("z", 5546, "suspend"), ("Z", 5548, "unsuspend")])
async def test_a_service_is_suspended_and_unsuspended(
    key: str, number: int, action: str, site: Store
) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, number)
        await press(pilot, key, "enter")
    assert [row.action for row in Audit.select().where(Audit.kind == "vm")] == [action]


async def test_a_package_is_changed_after_its_effects_were_read(site: Store) -> None:
    bigger = {
        "name": "VPS-3",
        "server": "pve-waw1",
        "template": "t",
        "system_disk": {"size": 50},
        "memory": 512,
    }
    create_product(checked(ProductForm, bigger), current_actor("cli"))
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, 5546)
        await press(pilot, "p")
        choose = await dialog(pilot, Choose)
        assert "as it is now" in words(pilot)
        await press(pilot, *["down"] * choose._table.source.index_of("VPS-3"), "enter")
        await dialog(pilot, PlanDialog)
        shown = words(pilot)
        assert "Memory: 1024 → 512 (only a stopped VM takes it)" in shown
        assert "System disk size: 0 → 50" in shown
        assert "a disk can never be made smaller again" in shown and "shut down and started again" in shown
        await press(pilot, "y")
    assert Service.get_by_id(5546).product.name == "VPS-3"


async def test_options_are_previewed_and_applied_with_a_change_of_package(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, 5546)
        await press(pilot, "O")
        await dialog(pilot, OptionsDialog)
        await fill(pilot, cores="4")
        await dialog(pilot, PlanDialog)
        assert "Cores: 1 → 4" in words(pilot)
        await press(pilot, "n")
        await gone(pilot)
        assert Service.get_by_id(5546).options == {}
        await press(pilot, "O")
        await fill(pilot, cores="4")
        await dialog(pilot, PlanDialog)
        await press(pilot, "y")
    assert Service.get_by_id(5546).options == {"cores": 4}
    assert [row.action for row in Audit.select().where(Audit.kind == "vm")] == ["change-package"]


async def test_options_that_touch_no_vm_take_effect_at_once_and_stop_nothing(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, 5546)
        await press(pilot, "O")
        await dialog(pilot, OptionsDialog)
        await fill(pilot, snapshots="3")
        await dialog(pilot, PlanDialog)
        shown = words(pilot)
        assert "Snapshots: 0 → 3 (at once)" in shown and "runs on" in shown
        await press(pilot, "y")
    assert Service.get_by_id(5546).options == {"snapshots": 3}
    assert Vm.get(Vm.service == 5546).plan["snapshots"] == 3
    assert not Audit.select().where(Audit.kind == "vm").exists()


async def test_a_service_is_terminated_by_its_typed_name_only(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, 5546)
        await press(pilot, "T")
        await dialog(pilot, ConfirmVms)
        await press(pilot, *"vps-1", "enter")
        assert "Type vps-5546 to confirm" in words(pilot) and Vm.get(Vm.service == 5546).vm_status == "ready"
        await press(pilot, *["backspace"] * 5, *"vps-5546", "enter")
        await gone(pilot)
    assert Vm.get(Vm.service == 5546).vm_status == "terminate"


async def test_marked_services_get_one_product_after_one_preview(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SERVICES, 5546)
        await press(pilot, "space", "space", "p")
        await dialog(pilot, Choose)
        await press(pilot, "down", "enter")
        await dialog(pilot, PlanDialog)
        assert "5546: Cores: 1 → 2" in words(pilot) and "5547: Cores" in words(pilot)
        await press(pilot, "y")
        await dialog(pilot, ConfirmVms)
        await press(pilot, "2", "enter")
        await dialog(pilot, Notice)
    assert {Service.get_by_id(each).product.name for each in (5546, 5547)} == {"VPS-2"}


# Settings


async def test_general_settings_are_edited(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS, "general")
        await press(pilot, "E")
        await fill(pilot, default_timeout="25")
        await gone(pilot)
    assert settings.read(settings.General).default_timeout == 25


async def test_a_task_is_edited_where_its_interval_is(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS, "scheduleBackup")
        await press(pilot, "E")
        await dialog(pilot, SaveDialog)
        await press(pilot, "delete", *"15", "ctrl+o")
        await gone(pilot)
    assert TaskState.get(TaskState.name == "scheduleBackup").interval_minutes == 15


async def test_a_task_is_made_due_and_one_that_is_off_or_runs_is_refused(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS, "scheduleBackup")
        await press(pilot, "x")
        assert "scheduleBackup is due now" in shown_messages(pilot)
        await at(pilot, POOLS)
        await at(pilot, SETTINGS, "removeOldSnapshots")
        await press(pilot, "x")
        assert "removeOldSnapshots is off" in shown_messages(pilot)
        await gone(pilot)
        await at(pilot, POOLS)
        await at(pilot, SETTINGS, "collectingStatistics")
        await press(pilot, "x")
        assert "is running, or its lock" in shown_messages(pilot)
    assert TaskState.get(TaskState.name == "scheduleBackup").last_run_at is None


async def test_a_requested_task_reports_its_result_or_that_no_engine_ran_it(
    site: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.settings.task_progress.POLL_S", 0.02)
    monkeypatch.setattr("screens.settings.task_progress.POLLS", 3)
    ran = {"last_run_at": NOW, "processed": 4, "errors": 0, "seconds": 0.7}
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS, "scheduleBackup")
        await press(pilot, "x")
        await until(pilot, lambda: "scheduleBackup waits for an engine." in shown_messages(pilot))
        monkeypatch.setattr("screens.settings.task_progress.POLLS", 1_000)
        await press(pilot, "x")
        TaskState.update(ran).where(TaskState.name == "scheduleBackup").execute()
        await until(pilot, lambda: "scheduleBackup ran for 0.7 s: 4 done." in shown_messages(pilot))


async def test_locks_are_cleared_after_a_question(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS)
        await press(pilot, "U")
        await dialog(pilot, Confirm)
        await press(pilot, "n")
        assert TaskState.select().where(TaskState.locked_by != "").count() == 1
        await press(pilot, "U")
        await dialog(pilot, Confirm)
        await press(pilot, "y")
        await until(pilot, lambda: "Locks cleared: collectingStatistics." in shown_messages(pilot))
    assert TaskState.select().where(TaskState.locked_by != "").count() == 0


async def test_a_test_mail_without_a_mail_server_says_so(site: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, SETTINGS, "smtp")
        await press(pilot, "t")
        await fill(pilot, address="nobody")
        assert isinstance(pilot.app.screen, FormDialog)
        await fill(pilot, address="you@example.com")
        notice: Any = await dialog(pilot, Notice)
        assert "was not sent" in notice._title and notice._words.endswith(".")
    assert Address.select().count() == 7
