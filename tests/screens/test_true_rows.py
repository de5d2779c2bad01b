"""What is shown is what is acted on: esc, filters, dimmed keys, menus, the log, exports and alerts."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from textual import events

from engine.proxmox.values import Resource
from engine.queries import usage
from engine.store import kept
from engine.store.models import Address, Audit, Server, Vm
from engine.work.events import EventView
from screens.dashboard.alerts import Alerts
from screens.help.page import groups
from screens.shell.event_feed import lines
from screens.vm.actions_menu import ActionsMenu
from screens.widgets.confirm import ConfirmVms
from screens.widgets.dialogs import Choose, Notice
from screens.widgets.footer import hints
from screens.widgets.loglines import pieces, shown_text
from screens.widgets.table import Table
from tests.conftest import Store
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import at, dialog, press, until, words

READY, STUCK, WAITING = 5546, 5547, 5548


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    fill()
    return sqlite_store


def table(pilot: Any) -> Table:
    return place(pilot).query_one(Table)


async def test_esc_clears_marks_then_the_filter_then_goes_to_the_parent(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "/", *"is:stuck", "enter", "space")
        assert table(pilot).marks and table(pilot).view.filter
        await press(pilot, "escape")
        assert not table(pilot).marks and table(pilot).view.filter
        await press(pilot, "escape")
        assert not table(pilot).view.filter and pilot.app.screen_name == "vms"  # type: ignore[attr-defined]
        await press(pilot, "escape")
        assert pilot.app.screen_name == "dashboard"  # type: ignore[attr-defined]


async def test_g_counts_groups_and_shows_the_chosen_one(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "g")
        await until(pilot, lambda: "Group VMs by" in words(pilot))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "VMs by client" in words(pilot) and "stuck" in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: table(pilot).view.filter != "")
        assert table(pilot).view.filter.startswith('client:"') and 0 < table(pilot).count < 6
        await press(pilot, "g")
        await until(pilot, lambda: "Group VMs by" in words(pilot))
        await press(pilot, "escape")
        assert table(pilot).view.filter.startswith('client:"')
        await press(pilot, "escape")
        assert not table(pilot).view.filter


async def test_esc_leads_from_a_vm_to_its_list_and_never_to_another_vm(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "8")
        for service_id in (READY, STUCK):
            await press(pilot, ":", *str(service_id), "enter")
            assert place(pilot).service_id == service_id  # type: ignore[attr-defined]
        await press(pilot, "escape")
        assert pilot.app.screen_name == "services"  # type: ignore[attr-defined]


async def test_the_empty_list_names_every_filter_that_is_on(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "i", "down", "down", "enter", "/", *"nothing-like-it", "enter")
        assert "No VMs match 'nothing-like-it' · VM state stuck." in words(pilot)
        await press(pilot, "escape", "escape")
        assert table(pilot).count == 6


async def test_an_unknown_filter_says_which_are_known(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "/", *"is:odd", "enter")
        await until(pilot, lambda: "is:odd is unknown" in words(pilot))
        assert "is:stuck" in words(pilot)
        await press(pilot, "0", "/", *"whom:root", "enter")
        await until(pilot, lambda: "whom: is not a filter of the audit" in words(pilot))


async def test_a_refused_filter_leaves_no_rows_and_its_whole_sentence_fits(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2")
        await press(pilot, "/", *"is:odd", "enter")
        await until(pilot, lambda: "is:odd is unknown" in words(pilot))
        assert "vps-" not in words(pilot) and "0 VMs" not in words(pilot)
        assert table(pilot).chosen == ()
        assert "is:suspended" in words(pilot) and "is:locked" in words(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: table(pilot).count == 6)


@pytest.mark.parametrize("keys", [("x", "end"), ("r", "down", "down"), ("a", "down"), ("z",), ("T",)])
async def test_a_question_acts_on_the_vm_it_names_whatever_the_list_shows_by_then(
    keys: tuple[str, ...], site: Store
) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, *keys)
        assert isinstance(pilot.app.screen, Choose | ActionsMenu | ConfirmVms)
        assert "vps-5546" in words(pilot)
        table(pilot)._move(3)  # the list behind comes to stand elsewhere
        await press(pilot, *("vps-5546" if keys == ("T",) else ""), "enter")
        if isinstance(pilot.app.screen, ConfirmVms):
            assert "vps-5546 (service 5546)" in words(pilot)
            await press(pilot, "enter")
    assert {row.object_id for row in Audit.select()} == {"5546"}


async def test_a_key_that_cannot_work_is_dimmed_and_help_says_why(site: Store) -> None:
    async with console().run_test(size=(160, 40)) as pilot:
        await at(pilot, "2")
        dimmed = {hint.action.id for hint in hints(pilot.app.screen) if hint.refused}
        assert "vm.redeploy" in dimmed and "service.suspend" not in dimmed
        await press(pilot, "R")
        await dialog(pilot, Notice)
        assert "redeploy is for VMs that are not" in words(pilot)
        await press(pilot, "escape")
        reasons = {each.id: why for _, rows in groups(pilot.app.screen) for _, each, why in rows}
        assert reasons["vm.redeploy"].startswith("not now: vps-5546 is ready")
        await press(pilot, "down")
        assert "vm.redeploy" not in {hint.action.id for hint in hints(pilot.app.screen) if hint.refused}


@pytest.mark.parametrize("keys", [("R",), ("a", "R")])
async def test_a_name_typed_for_a_question_that_is_refused_does_nothing(
    keys: tuple[str, ...], site: Store
) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, *keys, *"zeus")
        await dialog(pilot, Notice)
        assert "redeploy is for VMs that are not" in words(pilot)
        await press(pilot, "enter")
        assert not isinstance(pilot.app.screen, Notice)
    assert [row.action for row in Audit.select()] == []


@pytest.mark.parametrize(
    ("keys", "title"),
    [
        (("p",), "Product of vps-5546 (service 5546)"),
        (("p", "down", "enter"), "Change vps-5546 (service 5546) to VPS-2"),
        (("O",), "Options of vps-5546 (service 5546)"),
        (("d",), "DB record of vps-5546 (service 5546)"),
        (("enter", "#"), "Notes of vps-5546 (service 5546)"),
    ],
)
async def test_a_dialog_that_changes_a_vm_names_it(keys: tuple[str, ...], title: str, site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2")
        await press(pilot, *keys)
        await until(pilot, lambda: title in words(pilot))


async def test_the_choice_of_a_step_has_a_title_of_one_line_and_whole_headings(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2")
        await press(pilot, "x")
        asked = await dialog(pilot, Choose)
        assert asked.query_one(".dialog-title").outer_size.height == 1
        assert "* also while the VM runs · ** only while it is off" in words(pilot)
        await press(pilot, "escape", "g", "enter")
        await until(pilot, lambda: "VMs by node" in words(pilot))
        assert "Value What it is for" in words(pilot)


async def test_help_and_palette_name_the_keys_of_the_power_actions(site: Store) -> None:
    async with console(keys={"vm.menu": "J"}).run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        keys = {each.id: keys for _, rows in groups(pilot.app.screen) for keys, each, _ in rows}
        assert (keys["vm.start"], keys["vm.stop"], keys["vm.reset"]) == ("J s", "J f", "r")
        await press(pilot, "ctrl+p", *"reboot")
        assert "Reboot J b Restart the guest." in words(pilot)
        await press(pilot, "escape", "J", "f")
        assert "Stop vps-5546 (service 5546)?" in words(pilot)


async def test_the_menu_says_why_an_action_cannot_work(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "a")
        await dialog(pilot, ActionsMenu)
        await press(pilot, "R")
        await dialog(pilot, Notice)
        assert "Use reinstall" in words(pilot)
        await press(pilot, "escape", "s")
    assert [(row.action, row.object_id) for row in Audit.select()] == [("start", "5546")]


async def test_the_strip_shows_why_the_vm_under_the_cursor_is_stuck(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        assert "VMs 6" in words(pilot) and "stuck 2" in words(pilot)
        assert "192.0.2.10 vps-5546.example.com" in words(pilot)
        await press(pilot, "down")
        assert "vps-5547: storage local-lvm is full on pve1" in words(pilot)


async def test_an_own_change_is_shown_without_waiting_for_its_event(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        pilot.app._feed.stop()  # type: ignore[attr-defined]
        await press(pilot, "r", *["down"] * 5, "enter", *"vps-5546", "enter")
        assert Vm.get(Vm.service == READY).vm_status == "terminate"
        row = table(pilot).row(READY)
        assert row is not None and row.cell(2).text.startswith("> terminate")


def test_a_line_of_the_log_shows_time_name_and_step() -> None:
    output = (
        "[+] sid:5546  1. Clone VM                     success (set_ip -> clone) [1.20s]\n      · asked pve1"
    )
    event = EventView(7, 1_776_530_141_000, "step", "success", output, vm=1, service=5546)
    first, second = lines(event, {5546: "vps-5546"})
    assert shown_text(first).startswith("16:35:41 vps-5546         [+] 1. Clone VM")
    assert [tone for _, tone in pieces(first)] == ["muted", "ok", ""]
    assert "asked pve1" in shown_text(second) and "sid:" not in shown_text(first)
    head = EventView(
        8, 1_776_530_141_000, "run", "info", "--- Deploy: service=5546 vm=2002 status=clone ---", 1, 5546
    )
    assert shown_text(lines(head, {5546: "vps-5546"})[0]).endswith("--- Deploy: vm=2002 status=clone ---")


@pytest.mark.parametrize("kind", ["json"])
async def test_an_export_has_every_address_and_no_signs(
    kind: str, site: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = Vm.get(Vm.service == READY)
    first = Address.get(Address.vm == vm)
    Address.create(
        server=first.server, bridge="vmbr0", address="2001:db8::7", vm=vm, prefix=64, position=1,
        gateway="2001:db8::1", assigned_at=1,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await pilot.press("down", "enter")
        await settle(pilot)
    (file,) = tmp_path.glob("kvmtui-vms-*.json")
    row = json.loads(file.read_text())[0]
    assert (row["ips"], row["status"], row["vmid"]) == ("192.0.2.10 2001:db8::7", "ready", "2000")


async def test_a_long_reason_leaves_room_for_the_next_try(site: Store) -> None:
    Vm.update(error="no space " * 40, error_since=1, due_at=1).where(Vm.service == READY).execute()
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2", READY)
        shown = words(pilot)
        assert "vps-5546: no space" in shown and "… · next try now" in shown


async def test_the_strip_says_what_a_vm_waits_for(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2", WAITING)
        assert "vps-5548 waits: the clone task" in words(pilot)


async def test_the_list_shows_drift_and_usage_that_the_engine_has_read(site: Store) -> None:
    server = Server.get()
    kept.keep("drift", server.uid, {"total": 1, "vms": {str(READY): "4 cores instead of 2"}})
    usage.forget()
    async with console().run_test(size=(180, 40)) as pilot:
        await at(pilot, "2", READY)
        shown = words(pilot)
        assert "drifted 1" in shown and "vps-5546: ready, running · drifted: 4 cores instead of 2" in shown
        assert "CPU" not in shown
        row = {
            "type": "qemu",
            "vmid": 2000,
            "status": "running",
            "cpu": 0.25,
            "mem": 1 << 29,
            "maxmem": 1 << 30,
        }
        usage.remember(server.name, [Resource.of(row)])
        await press(pilot, "1", "2")
        shown = words(pilot)
        assert "running · CPU 25 % · RAM 0.5/1.0 GiB · drifted" in shown
        assert "25 % 0.5/1.0 GiB" in shown  # in the row as well
        await press(pilot, "/", *"is:drifted", "enter")
        assert table(pilot).count == 1
        assert "filter 'is:drifted'" in words(pilot)
    usage.forget()


async def test_the_alerts_of_the_header_are_a_list_that_opens_them(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "!")
        await dialog(pilot, Alerts)
        assert "storage local-lvm is full on pve1" in words(pilot)
        await press(pilot, "enter")
        assert place(pilot).service_id == STUCK  # type: ignore[attr-defined]
        assert deque(pilot.app.screen_stack, maxlen=1)[0] is pilot.app.screen_stack[0]


async def test_a_reading_that_ends_after_its_screen_was_left_ends_nothing(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await at(pilot, "2", READY)
        left: Any = place(pilot)
        await press(pilot, "enter")
        page: Any = place(pilot)
        await press(pilot, "3")
        await left._show_reason()
        left._show_filters()
        page._count("addresses", 2)


async def test_the_reason_of_a_stop_is_kept(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2")
        await press(pilot, "a", "f")
        await dialog(pilot, ConfirmVms)
        await press(pilot, *"unpaid", "enter")
        await until(pilot, lambda: Audit.select().exists())
    assert [(row.action, row.object_id, row.reason) for row in Audit.select()] == [("stop", "5546", "unpaid")]


@pytest.mark.parametrize("page", [(), ("enter",)])
async def test_the_key_after_an_own_change_meets_what_it_did(
    site: Store, page: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed ahead or not: a VM that was just terminated is not offered to be terminated again."""
    in_thread = asyncio.to_thread

    async def slowly(work: Any, *given: Any) -> Any:
        await asyncio.sleep(0.1)
        return await in_thread(work, *given)

    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "2", READY)
        await press(pilot, *page)
        monkeypatch.setattr(asyncio, "to_thread", slowly)
        for key in ("T", *f"vps-{READY}", "enter", "T"):
            pilot.app.post_message(events.Key("minus" if key == "-" else key, key if len(key) == 1 else None))
        app: Any = pilot.app
        await until(pilot, lambda: Audit.select().where(Audit.action == "terminate").exists())
        await until(pilot, lambda: not app.keys_wait)
        assert f"vps-{READY} is being terminated already" in words(pilot)


async def test_a_key_waits_for_what_the_page_shows_first(
    site: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_thread = asyncio.to_thread

    async def slowly(work: Any, *given: Any, **named: Any) -> Any:
        await asyncio.sleep(0.1)
        return await in_thread(work, *given, **named)

    async with console().run_test(size=(120, 40)) as pilot:
        app: Any = pilot.app
        await at(pilot, "2")
        await press(pilot, "1", "enter")
        opened = app.screen_name
        assert opened != "dashboard"
        await press(pilot, "2")
        monkeypatch.setattr(asyncio, "to_thread", slowly)
        for key in ("1", "enter"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: not app.keys_wait)
        assert app.screen_name == opened
