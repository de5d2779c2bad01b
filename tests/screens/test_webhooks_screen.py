"""The webhooks in the console, with their messages, and beside them the targets of notifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import operators
from engine.actions import webhooks
from engine.audit import Actor
from engine.checked import checked
from engine.notify import settings
from engine.notify.settings import NotifySettings
from engine.operators import Operators
from engine.roles import Role
from engine.store.models import Audit, Destination, Notification, Webhook, WebhookDelivery
from screens.common import times
from screens.framework.record_view import RecordView
from screens.framework.secret_dialog import SecretDialog
from screens.widgets.dialogs import Confirm, Notice, TypeName
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, NOW, console, steady
from tests.screens.pressing import at, dialog, fill, gone, press, shown_messages, until, words
from tests.webhooks.endpoint import Endpoint, endpoint

OWNER = Actor("anna", "192.0.2.7", "cli")
SECRET = "T0p-s3cret-path"


@pytest.fixture
def shop() -> Iterator[Endpoint]:
    """An endpoint that takes what it gets."""
    with endpoint() as found:
        yield found


@pytest.fixture
def site(sqlite_store: Store, shop: Endpoint) -> Iterator[Store]:
    """A webhook that works, with a message in each state, one that is paused, and two targets of notifications."""
    webhooks.create(OWNER, shop.url(), ["vm.ready"], allow_private=True)
    webhooks.create(OWNER, "https://shop.example/hooks")
    Webhook.update(state="paused", why=f"no message was accepted for three days: {HOSTILE}").where(
        Webhook.id == 2
    ).execute()
    for number, state in enumerate(("sent", "failed", "pending"), 1):
        WebhookDelivery.create(
            id=number, uid=f"msg_{number}", webhook=1, type="vm.ready", body='{"type": "vm.ready"}', state=state,
            attempts=2, status=200 if state == "sent" else 500, sent_at=NOW - 60_000 if state == "sent" else None,
            error=HOSTILE if state == "failed" else "", created_at=NOW,
        )  # fmt: skip
    given = {
        "quiet_hours": "22:00-07:00",
        "time_zone": "Europe/Warsaw",
        "targets": {
            "oncall": {"url": f"json://127.0.0.1:{shop.port}/{SECRET}", "level": "critical"},
            "ops": {"url": "env:KVMTUI_NO_URL", "quiet_hours": "none"},
        },
    }
    settings.use(checked(NotifySettings, given), Path(), "lab", "UTC")
    Notification.create(target="ops", type="vm.ready", level="info", title="x", created_at=NOW)
    failing = {"failures": 3, "failing_since": NOW, "error": "the variable KVMTUI_NO_URL is not set"}
    Destination.create(name="notify:ops", **failing)
    yield sqlite_store
    settings.use(NotifySettings(), Path(), "kvmtui", "UTC")


async def opened(pilot: Any) -> None:
    await at(pilot, "9")
    await press(pilot, "W")
    await until(pilot, lambda: pilot.app.screen_name == "webhooks")


def test_it_looks_as_it_did(
    site: Store, monkeypatch: pytest.MonkeyPatch, snap_compare: Callable[..., bool]
) -> None:
    monkeypatch.setattr(times, "now_ms", lambda: NOW)
    monkeypatch.setattr("engine.notify.queue.time.time", lambda: NOW / 1000)
    Webhook.update(url="https://billing.example/kvmtui").where(Webhook.id == 1).execute()

    async def ready(pilot: Any) -> None:
        await opened(pilot)
        await steady(pilot)

    assert snap_compare(console(), terminal_size=(120, 40), run_before=ready)


async def test_a_message_is_read_and_sent_again(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "home", "enter")
        record = await dialog(pilot, RecordView)
        await until(pilot, lambda: record.table.count == 3)
        assert "vm.ready" in words(pilot) and "E edits" not in words(pilot) and "\x1b" not in words(pilot)
        await press(pilot, "down", "enter")
        question = await dialog(pilot, Confirm)
        assert "Message 2" in question._title and "msg_2" in question._details
        await press(pilot, "y")
        record = await dialog(pilot, RecordView)
        assert WebhookDelivery.get_by_id(2).state == "pending"
        await press(pilot, "home", "enter")
        assert "Message 3" in (await dialog(pilot, Notice))._title  # still to be sent: nothing to ask
        await press(pilot, "escape")
        await dialog(pilot, RecordView)
        await press(pilot, "escape")
        await gone(pilot)
    last = Audit.select().order_by(Audit.id.desc()).get()
    assert (last.action, last.source) == ("replay", "console")


async def test_a_webhook_is_created_and_its_secret_shown_once(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "+")
        form = await fill(pilot, url="http://10.0.0.9/hooks", events="vm.ready\nvm.gone")
        await until(pilot, lambda: "without TLS" in words(pilot) or "Unknown event" in words(pilot))
        assert pilot.app.screen is form
        await fill(pilot, events="vm.ready", allow_private=True)
        shown = await dialog(pilot, SecretDialog)
        assert shown._secret.startswith("whsec_") and shown._secret in words(pilot)
        secret = shown._secret
        await press(pilot, "escape")
        await gone(pilot)
        assert secret not in words(pilot) + shown_messages(pilot)
    row = Webhook.get_by_id(3)
    assert (row.url, row.events, row.allow_private) == ("http://10.0.0.9/hooks", ["vm.ready"], True)


async def test_it_is_paused_resumed_tested_and_deleted(site: Store, shop: Endpoint) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await press(pilot, "home")
        for state in ("paused", "enabled"):
            await press(pilot, "z")
            await until(pilot, lambda state=state: Webhook.get_by_id(1).state == state)
        await press(pilot, "t")
        found = await dialog(pilot, Notice)
        assert "HTTP 200" in found._words and shop.types() == ["webhook.test"]
        await press(pilot, "escape")
        shop.answers = [503]
        await press(pilot, "t")
        assert "503" in (await dialog(pilot, Notice))._words
        await press(pilot, "escape", "D")
        await dialog(pilot, TypeName)
        await press(pilot, "1", "enter")
        await gone(pilot)
        await until(pilot, lambda: Webhook.get_or_none(Webhook.id == 1) is None)
    assert not WebhookDelivery.select().exists()


async def test_targets_are_read_and_tested_but_never_changed_here(site: Store, shop: Endpoint) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        shown = words(pilot)
        assert "json://***" in shown and "env:KVMTUI_NO_URL" in shown and "critical only" in shown
        assert SECRET not in shown and "- failing" in shown
        await press(pilot, "end", "enter")
        await dialog(pilot, RecordView)
        assert "config.toml" in words(pilot) and "KVMTUI_NO_URL is not set" in words(pilot)
        await press(pilot, "escape", "up")
        for key in ("z", "D"):
            await press(pilot, key)
            await until(pilot, lambda: "are in config.toml" in shown_messages(pilot))
            assert len(pilot.app.screen_stack) == 1
        await press(pilot, "t")
        assert "oncall took the test" in (await dialog(pilot, Notice))._words
        assert len(shop.taken) == 1 and SECRET not in words(pilot)


async def test_alerts_open_the_webhook_and_the_target(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        for word, key in (("webhook", 2), ("notify", "notify ops")):
            await at(pilot, "1")
            await press(pilot, "exclamation_mark", "slash", *word, "enter", "enter")
            await until(pilot, lambda: pilot.app.screen_name == "webhooks")  # type: ignore[attr-defined]
            await until(
                pilot,
                lambda key=key: pilot.app.current_screen.list.cursor_key == key,  # type: ignore[attr-defined]
            )


async def test_other_roles_read_and_change_nothing(site: Store, shop: Endpoint) -> None:
    rows = Audit.select().count()
    operators.use(Operators(default=Role.OPERATOR))
    try:
        async with console().run_test(size=(100, 40)) as pilot:
            await opened(pilot)
            for number, key in enumerate("+tzD", 1):
                await press(pilot, key)
                await until(
                    pilot,
                    lambda n=number: (
                        shown_messages(pilot).count("needs the role owner; yours is operator") == n
                    ),
                )
                assert len(pilot.app.screen_stack) == 1
    finally:
        operators.use(Operators())
    assert Audit.select().count() == rows and shop.taken == []


async def test_a_read_only_console_sends_nothing(site: Store) -> None:
    async with console(read_only=True).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "home", "enter")
        record = await dialog(pilot, RecordView)
        await until(pilot, lambda: record.table.count == 3)
        await press(pilot, "down", "enter")
        await dialog(pilot, Notice)
        await press(pilot, "y", "escape")
    assert WebhookDelivery.get_by_id(2).state == "failed"
