"""Every key of the console that changes something, pressed on a real store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions import vms as vm_actions
from engine.audit import current_actor
from engine.store.models import Address, Audit, Service, Vm
from engine.work import events
from engine.work.requests import queue_of
from screens.common.bindings import in_scope
from screens.common.memory import Memory
from screens.vms.screen import VmsScreen
from screens.widgets.confirm import ConfirmVms
from screens.widgets.dialogs import Choose, Confirm, Dialog, Notice, PlanDialog
from screens.widgets.header import Header
from screens.widgets.log import LogPane
from tests.conftest import Store
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import until, words

READY, STUCK, WAITING, REMOVED, UNENDED = range(5546, 5551)


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A database with VMs in every state."""
    fill()
    return sqlite_store


def vm(service_id: int) -> Any:
    return Vm.get(Vm.service == service_id)


def asked(service_id: int) -> list[str]:
    """The pipelines and commands queued for a VM."""
    return [each.pipeline for each in queue_of(vm(service_id).id)]


async def at(pilot: Pilot[Any], service_id: int) -> None:
    """Open the page of a VM."""
    await settle(pilot)
    await pilot.app.open_vm(service_id)  # type: ignore[attr-defined]
    await settle(pilot)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


async def run(pilot: Pilot[Any], action_id: str) -> None:
    """Asks for an action as the palette does."""
    from screens.help.available import available

    node = next(node for node, each in available(pilot.app.screen) if each.id == action_id)
    await node.ask(action_id)
    await settle(pilot)


def trail() -> list[str]:
    return [row.action for row in Audit.select().order_by(Audit.id)]


async def test_reset_asks_for_the_status_and_the_reason_and_sets_it(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, STUCK)
        await press(pilot, "r")
        assert isinstance(pilot.app.screen, Choose)
        await press(pilot, "down", "enter")
        assert vm(STUCK).vm_status == "clone"
        assert "Reset vps-5547 (service 5547) to creation?" in words(pilot)
        await press(pilot, *"template copied", "enter")
    assert vm(STUCK).vm_status == "creation"
    assert [(row.action, row.reason) for row in Audit.select()] == [("reset", "template copied")]


async def test_redeploy_needs_the_name(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, STUCK)
        await press(pilot, "R")
        assert isinstance(pilot.app.screen, ConfirmVms)
        await press(pilot, *"vps", "enter")
        assert trail() == []
        await press(pilot, *"-5547", "enter")
    assert trail() == ["redeploy"]


@pytest.mark.parametrize(
    ("key", "service_id", "action"),
    [("I", READY, "reinstall"), ("D", REMOVED, "delete-record"), ("T", READY, "terminate")],
)
async def test_what_cannot_be_taken_back_needs_the_name(
    key: str, service_id: int, action: str, site: Store
) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, service_id)
        await press(pilot, key)
        assert isinstance(pilot.app.screen, ConfirmVms)
        await press(pilot, "escape")
        assert trail() == []
        await press(pilot, key, *f"vps-{service_id}", "enter")
    assert trail() == [action]
    assert Vm.select().where(Vm.service == service_id).exists() is (action != "delete-record")


@pytest.mark.parametrize("action", ["start", "dns"])
async def test_a_start_and_the_dns_records_need_no_question(action: str, site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await run(pilot, f"vm.{action}")
    assert trail() == [action]
    assert len(asked(READY)) == 1


@pytest.mark.parametrize(
    ("keys", "action"),
    [("z", "suspend"), ("a f", "stop"), ("a h", "shutdown"), ("a b", "reboot"), ("a z", "suspend")],
)
async def test_what_stops_or_suspends_a_vm_asks_by_its_name(keys: str, action: str, site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await press(pilot, *keys.split())
        assert isinstance(pilot.app.screen, ConfirmVms)
        assert "vps-5546 (service 5546)?" in words(pilot)
        await press(pilot, "escape")
        assert trail() == []
        await press(pilot, *keys.split(), "enter")
    assert trail() == [action]
    assert len(asked(READY)) == 1


async def test_the_reason_of_a_question_goes_to_the_audit_log(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await press(pilot, "z", *"not  paid ", "enter")
        await at(pilot, STUCK)
        await press(pilot, "R", *"vps-5547", "tab", *"full disk", "enter")
    assert [(row.action, row.reason) for row in Audit.select().order_by(Audit.id)] == [
        ("suspend", "not paid"),
        ("redeploy", "full disk"),
    ]


async def test_unsuspend(site: Store) -> None:
    Service.update(status="Suspended").where(Service.id == READY).execute()
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await press(pilot, "Z", "enter")
    assert trail() == ["unsuspend"]


async def test_a_step_is_chosen_and_a_destructive_one_needs_the_name(site: Store) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await at(pilot, READY)
        await press(pilot, "x", "end", "enter")
        assert isinstance(pilot.app.screen, ConfirmVms) and trail() == []
        await press(pilot, "enter")
        assert trail() == ["run-step"]
        await press(pilot, "x", "end", "up", "enter", "enter")
        assert isinstance(pilot.app.screen, ConfirmVms)
        await press(pilot, *"vps-5546", "enter")
    assert trail() == ["run-step", "run-step"]


async def test_a_product_is_changed_after_a_preview_of_the_plan(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await press(pilot, "p", "down", "enter")
        assert isinstance(pilot.app.screen, PlanDialog)
        await press(pilot, "n")
        assert trail() == []
        await press(pilot, "p", "down", "enter", "y")
    assert trail() == ["change-package"]
    assert Service.get_by_id(READY).product.name == "VPS-2"


async def test_a_reverse_name_is_changed(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        await run(pilot, "vm.rdns")
        await press(pilot, "enter", *["backspace"] * 30, *"mail.example.com", "enter")
    assert Address.get(Address.vm == vm(READY)).rdns == "mail.example.com"


async def test_the_record_is_written_with_a_reason_only(site: Store) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await at(pilot, READY)
        await press(pilot, "d")
        dialog: Any = pilot.app.screen
        dialog.form.fill("node", "pve2")
        await press(pilot, "ctrl+s")
        assert vm(READY).node == "pve1"
        dialog.form.fill("reason", "moved by hand")
        await press(pilot, "ctrl+s")
        assert not isinstance(pilot.app.screen, Dialog)
    assert vm(READY).node == "pve2"
    assert Audit.get(Audit.action == "record").reason == "moved by hand"


async def test_a_record_that_somebody_else_changed_is_refused(site: Store) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        await at(pilot, READY)
        await press(pilot, "d")
        dialog: Any = pilot.app.screen
        Vm.update(revision=Vm.revision + 1).where(Vm.service == READY).execute()
        dialog.form.fill("node", "pve2")
        dialog.form.fill("reason", "moved by hand")
        await press(pilot, "ctrl+s")
        assert pilot.app.screen is dialog
    assert vm(READY).node == "pve1"


async def test_marked_vms_are_confirmed_together_and_reported_one_by_one(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "space", "space", "space", "space", "z")
        assert isinstance(pilot.app.screen, ConfirmVms)
        assert "Suspend 4 VMs?" in words(pilot) and "vps-5549" in words(pilot)
        await press(pilot, "enter", "3", "enter")
        assert isinstance(pilot.app.screen, ConfirmVms) and trail() == []
        await press(pilot, "backspace", "4", "enter")
        assert isinstance(pilot.app.screen, Notice)
    assert trail() == ["suspend"] * 4


async def test_marked_vms_are_reset_together(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "down", "space", "space", "r", "down", "enter", "2", "enter")
    assert [vm(each).vm_status for each in (READY, STUCK, WAITING)] == ["ready", "creation", "creation"]


CHANGING = [each for scope in ("vm", "services") for each in in_scope(scope) if each.changes]


async def test_a_read_only_console_refuses_every_change(site: Store) -> None:
    async with console(read_only=True).run_test(size=(100, 30)) as pilot:
        await at(pilot, READY)
        for action in [each for each in CHANGING if each.run != "add"]:
            pilot.app.clear_notifications()
            await (press(pilot, action.keys[0]) if action.keys else run(pilot, action.id))
            assert not isinstance(pilot.app.screen, Dialog | Confirm), action
            assert any("Read-only" in each.message for each in pilot.app._notifications), action
    assert trail() == [] and asked(READY) == []


async def test_the_filters_are_there_again_at_the_next_start(site: Store, tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    async with console(memory=Memory(file)).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "i", "down", "down", "enter", "/", *"vps", "enter", "s", "space")
    async with console(memory=Memory(file)).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        now = place(pilot)
        assert isinstance(now, VmsScreen)
        assert (now.state, now.list.view.filter, now.list.view.sort) == ("stuck", "vps", "id")
        assert (now.list.count, len(now.list.marks)) == (2, 1)
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_broken_memory_costs_nothing_but_the_memory(site: Store, tmp_path: Path) -> None:
    file = tmp_path / "console.json"
    file.write_text('{"vms": {"marks": 7, "state": [], "cursor": {}}, "x": 1}')
    async with console(memory=Memory(file)).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        assert place(pilot).list.count == 6  # type: ignore[attr-defined]


async def test_goto_finds_by_id_name_and_address(site: Store) -> None:
    async with console().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for reference in ("5548", "vmid:2002", "vps-5548", "192.0.2.12", "vps-5548.example.com"):
            await press(pilot, ":", *reference, "enter")
            assert place(pilot).service_id == WAITING, reference  # type: ignore[attr-defined]
            await press(pilot, "escape")
            assert place(pilot).NAME == "dashboard", reference


@pytest.mark.parametrize("kind", ["csv", "json"])
async def test_a_list_is_exported(kind: str, site: Store, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2", "e", *(["down"] if kind == "json" else []), "enter")
    (file,) = tmp_path.glob(f"kvmtui-vms-*.{kind}")
    words = file.read_text()
    assert "\x1b" not in words
    assert len(json.loads(words) if kind == "json" else words.splitlines()[1:]) == 6


async def test_what_happens_elsewhere_is_seen_and_logged(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "2")
        vm_actions.reset(current_actor("cli"), STUCK, "ready")
        events.announce("step", "[+] sid:5547 somewhere else", level="success", service=STUCK)
        app: Any = pilot.app
        await until(pilot, lambda: bool(app.query(LogPane)))  # mounted after the first frame
        pane = app.query_one(LogPane)
        await until(pilot, lambda: "5547 vps-5547 + ready" in words(pilot))
        await until(pilot, lambda: pane.drain() or pane.last_seq)
        await until(pilot, lambda: app.query_one(Header).facts.alerts == 1)


async def test_a_small_terminal_gets_one_sentence(site: Store) -> None:
    async with console().run_test(size=(40, 12)) as pilot:
        await settle(pilot)
        assert pilot.app.query_one("#too-small").display
        await pilot.resize_terminal(100, 30)
        await settle(pilot)
        assert not pilot.app.query_one("#too-small").display
        assert pilot.app.query_one("#place").display


async def test_a_fault_of_the_console_is_one_sentence_without_its_secrets(
    site: Store, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    app = console()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)
            app.call_later(lambda secret: 1 // 0, "hunter2")
            await pilot.pause()
    app._print_error_renderables()
    said = " ".join(capsys.readouterr().err.split())
    assert "Start kvmtui again." in said
    assert "Traceback" not in said and "hunter2" not in said
    assert "ZeroDivisionError" in caplog.text
