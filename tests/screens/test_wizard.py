"""The first steps: where they open, what is left half-way, the server and its test."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from engine.store.database import database
from engine.store.models import Audit, Server
from kvmtui.lab import Lab
from screens.common.memory import Memory
from screens.help.available import available
from screens.widgets.state import StateMessage
from screens.wizard.certificate_dialog import Trust
from tests.screens.console_site import console, fill, place, settle
from tests.screens.pressing import until
from tests.screens.wizard_site import (
    add_pool,
    add_product,
    add_server,
    form,
    lab,
    no_dialog,
    page,
    press,
    save,
    shown_messages,
    step,
    wizard,
)

__all__ = ["lab"]

pytestmark = pytest.mark.usefixtures("sqlite_store")


# Where it opens


async def test_an_empty_site_opens_on_the_first_step_and_esc_leads_home() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert step(pilot) == "server"
        assert "There is no server yet" in page(pilot) and "pveum user token add" in page(pilot)
        await press(pilot, "escape")
        assert place(pilot).NAME == "dashboard"
        assert "press F" in pilot.app.query_one("#overview").render().plain  # type: ignore[attr-defined]
        assert "app.first_steps" in {each.id for _, each in available(pilot.app.screen)}, (
            "the palette has it too"
        )
        await press(pilot, "F")
        assert step(pilot) == "server"


async def test_a_read_only_console_opens_at_home_and_refuses() -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert place(pilot).NAME == "dashboard"
        assert "Read-only" in shown_messages(pilot)[-1]


async def test_a_site_with_a_server_opens_at_home() -> None:
    fill()
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert place(pilot).NAME == "dashboard"
        assert "First steps" not in pilot.app.query_one("#overview").render().plain  # type: ignore[attr-defined]


async def test_a_database_that_cannot_be_read_is_a_sentence() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        database.execute_sql("ALTER TABLE server RENAME TO elsewhere")
        await press(pilot, "ctrl+r")
        assert "Cannot read" in pilot.app.query_one("#wizard-state", StateMessage).render().plain
        database.execute_sql("ALTER TABLE elsewhere RENAME TO server")
        await press(pilot, "escape", "ctrl+r")
        assert not pilot.app.query_one("#wizard-state").display


# Skipping and resuming


async def test_every_step_can_be_skipped_and_the_end_says_where_each_is_done_later() -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, *"nnnnnnn")
        assert step(pilot) == "ending"
        assert page(pilot).count("skipped. Later: ") == 7
        for where in ("6, then +.", "6, then t.", "3, then +.", "4, then +.", "5, then +.", "each with +."):
            assert where in page(pilot)
        await press(pilot, "b")
        assert step(pilot) == "service" and "This needs the server first" in page(pilot)
        await press(pilot, "enter")
        assert no_dialog(pilot) and "This needs the server first" in shown_messages(pilot)[-1]
    assert Audit.select().count() == 0


async def test_it_resumes_where_it_was_left_whoever_did_the_steps(lab: Lab, tmp_path: Path) -> None:
    notes = tmp_path / "console.json"
    async with console(memory=Memory(notes)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "right", "right")
        assert step(pilot) == "template"
    add_server(lab)
    add_pool()
    async with console(memory=Memory(notes)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "F")
        assert step(pilot) == "template", "server and pool are there, the test was skipped"
        await press(pilot, "right")
        assert step(pilot) == "pool" and "192.0.2.20" in page(pilot)
        add_product()
        await press(pilot, "ctrl+r", "b")
        assert wizard(pilot).step.done(wizard(pilot).known), "a product names its template"


async def test_notes_that_cannot_be_understood_are_passed_over() -> None:
    memory = Memory()
    memory.keep("wizard", {"skipped": [7, None], "template": "x"})
    memory.keep("wizard drafts", {"server": 7})
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert step(pilot) == "server"
        assert (await form(pilot)).values["token_id"] == "kvmtui@pve!console"


# The server


def named(lab: Lab, **more: Any) -> dict[str, Any]:
    """The answers that name the lab."""
    page = f"https://{lab.host}:{lab.port}/#v1:0"
    return {
        "name": "pve-lab",
        "hosts": [page],
        "token_id": lab.token_id,
        "token_secret": lab.token_secret,
        **more,
    }


async def test_the_certificate_is_shown_and_pinned_only_when_somebody_vouches(lab: Lab) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await form(pilot)
        dialog = pilot.app.screen
        await save(pilot, **named(lab))
        assert isinstance(pilot.app.screen, Trust)
        shown = pilot.app.screen.query_one(".dialog-body Static").render().plain  # type: ignore[attr-defined]
        assert lab.fingerprint[:47] in shown and "pvenode cert info" in shown
        await press(pilot, "enter")
        assert pilot.app.screen is dialog and "nobody vouched" in str(dialog._below.render())  # type: ignore[attr-defined]
        assert Server.select().count() == 0
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, Trust))
        await press(pilot, "y")
        await until(pilot, lambda: no_dialog(pilot))
        await settle(pilot)
        server = Server.get()
        assert (server.hosts, server.port, server.tls) == (
            [lab.host],
            lab.port,
            {"fingerprint": lab.fingerprint},
        )
        assert step(pilot) == "test"


async def test_a_host_that_does_not_answer_is_reported_in_the_form_and_nothing_is_saved(lab: Lab) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await form(pilot)
        dialog: Any = pilot.app.screen
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        for name, value in named(lab, hosts=["127.0.0.1"], port=port).items():
            dialog.form.fill(name, value)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "does not answer over TLS" in str(dialog._below.render()))
        assert Server.select().count() == 0


async def test_a_form_that_was_left_is_there_again_without_its_secrets(lab: Lab, tmp_path: Path) -> None:
    notes = tmp_path / "console.json"
    async with console(memory=Memory(notes)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        opened = await form(pilot)
        for name, value in named(lab).items():
            opened.fill(name, value)
        await press(pilot, "escape", "y")
    assert lab.token_secret not in notes.read_text()
    async with console(memory=Memory(notes)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        values = (await form(pilot)).values
        assert (values["name"], values["token_id"]) == ("pve-lab", lab.token_id)
        assert not values["token_secret"]
        await save(pilot, token_secret=lab.token_secret)
        await press(pilot, "y")
        await until(pilot, lambda: no_dialog(pilot))
    assert json.loads(notes.read_text())["wizard drafts"] == {}, "what is saved is no draft any more"


async def test_a_second_operator_is_not_overwritten(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    async with console().run_test(size=(80, 24)) as pilot:
        await press(pilot, "F", "b", "b")
        assert step(pilot) == "server" and f"pve-lab at {lab.host}, as {lab.token_id}" in page(pilot)
        opened = await form(pilot)
        Server.update(port=4711).execute()
        opened.fill("hosts", ["localhost"])
        dialog: Any = pilot.app.screen
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "Somebody changed server pve-lab" in str(dialog._below.render()))
        assert Server.get().hosts == [lab.host]
        await press(pilot, "escape")
        Server.update(port=lab.port).execute()
        await form(pilot)
        await save(pilot, hosts=["localhost"])
        assert Server.get().hosts == ["localhost"] and step(pilot) == "server"


async def test_user_and_password_will_do(lab: Lab) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        opened = await form(pilot)
        opened.fill("login", "user and password")
        await pilot.pause()
        assert "token_id" not in opened.values
        await save(
            pilot, name="pve-lab", hosts=[lab.host], port=lab.port, user="root@pam", password=lab.password
        )
        await press(pilot, "y")
        await until(pilot, lambda: no_dialog(pilot))
        await settle(pilot)
        assert Server.get().user == "root@pam" and "checks passed" in page(pilot)


# The test


async def test_what_is_missing_is_reported_with_the_exact_commands_and_tested_again(lab: Lab) -> None:
    add_server(lab)
    lab.revoke("VM.Clone", "/vms")
    lab.revoke("VM.Snapshot", "/vms")
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "test" and "[-] 2 of" in page(pilot)
        await press(pilot, "y")
        assert app.clipboard.splitlines() == [
            "pveum role add KvmtuiConsole 2>/dev/null; "
            'pveum role modify KvmtuiConsole --append 1 --privs "VM.Snapshot"',
            'pveum role add KvmtuiTemplate 2>/dev/null; pveum role modify KvmtuiTemplate --append 1 --privs "VM.Clone"',
            f"pveum acl modify /vms --roles KvmtuiConsole --users 'kvmtui@pve' --tokens '{lab.token_id}'",
            f"pveum acl modify /vms --roles KvmtuiTemplate --users 'kvmtui@pve' --tokens '{lab.token_id}'",
        ]
        lab.grant("VM.Clone", "/vms")
        lab.grant("VM.Snapshot", "/vms")
        await press(pilot, "ctrl+r")
        assert "checks passed" in page(pilot) and "[+] VM.Clone" in page(pilot)
        await press(pilot, "enter")
        assert step(pilot) == "template"


async def test_a_failed_test_stays_undone_until_it_passes(lab: Lab) -> None:
    add_server(lab)
    lab.revoke("VM.Clone", "/vms")
    memory = Memory()
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert "1 of" in page(pilot)
    Server.update(last_ok_at=1).execute()
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "test", "it answered once, and yet something was missing at the last test"


async def test_a_silent_cluster_holds_no_key_up_and_is_asked_again(lab: Lab) -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    with silent:
        add_server(lab, port=silent.getsockname()[1])
        async with console().run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: place(pilot) is not None and place(pilot).NAME == "dashboard")
            await pilot.press("F")
            state = lambda: pilot.app.query_one("#wizard-state", StateMessage)  # noqa: E731
            await until(
                pilot, lambda: place(pilot).NAME == "wizard" and "Asking pve-lab" in state().render().plain
            )
            await pilot.press("enter")
            await until(pilot, lambda: "has not answered yet" in " ".join(shown_messages(pilot)))
            await pilot.press("right")
            assert step(pilot) == "template"
            silent.close()
            await until(pilot, lambda: "ctrl+r to retry" in state().render().plain)
            assert "pve-lab" in state().render().plain
            Server.update(port=lab.port).execute()
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "9000" in page(pilot))
            assert not state().display


# Template, pool, zone
