"""The tokens of the API in the console: shown, created, rotated and revoked; a secret once, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine import operators
from engine.actions import tokens
from engine.audit import Actor
from engine.operators import Operators
from engine.roles import Role
from engine.store.models import ApiToken, Audit, Client, Product, Server
from screens.common import times
from screens.framework.record_view import RecordView
from screens.framework.save_dialog import SaveDialog
from screens.framework.secret_dialog import SecretDialog
from screens.settings import tokens as screen
from screens.widgets.dialogs import TypeName
from tests.conftest import Store
from tests.screens.console_site import NOW, console, steady
from tests.screens.pressing import at, dialog, fill, gone, press, shown_messages, until, words

OWNER = Actor("anna", "192.0.2.7", "cli")
DAY = 86_400_000


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A token that expires soon, one with limits, and one that is revoked."""
    server = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
    Product.create(name="VPS-2", server=server, spec={"cores": 1})
    Client.create(name="Acme", email="ops@acme.example")
    for name, role, clients in (
        ("billing", Role.OPERATOR, ()),
        ("shop", Role.SUPPORT, ("Acme",)),
        ("zold", "viewer", ()),
    ):
        tokens.create(OWNER, name, role, clients)
    tokens.revoke(OWNER, "zold")
    ApiToken.update(created_at=NOW, created_by="anna").execute()
    soon = {"expires_at": NOW + 9 * DAY, "last_used_at": NOW - DAY, "last_address": "203.0.113.7"}
    ApiToken.update(soon).where(ApiToken.name == "billing").execute()
    return sqlite_store


@pytest.fixture
def fixed_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "now_ms", lambda: NOW)
    monkeypatch.setattr(screen, "now_ms", lambda: NOW)


async def opened(pilot: Any) -> None:
    await at(pilot, "9")
    await press(pilot, "K")
    await until(pilot, lambda: pilot.app.screen_name == "tokens")


def test_it_looks_as_it_did(
    site: Store, fixed_hour: None, monkeypatch: pytest.MonkeyPatch, snap_compare: Callable[..., bool]
) -> None:
    monkeypatch.setattr("engine.queries.tokens.now_ms", lambda: NOW)

    async def ready(pilot: Any) -> None:
        await opened(pilot)
        await steady(pilot)

    assert snap_compare(console(), terminal_size=(80, 24), run_before=ready)


async def test_a_token_is_created_and_its_secret_stays_until_it_is_closed(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "+")
        await fill(pilot, name="reseller", role="operator", expires="90d", clients="Acme", products="VPS-2")
        shown = await dialog(pilot, SecretDialog)
        secret = shown._secret
        assert tokens.is_secret(secret) and secret in words(pilot)
        copied: list[str] = []
        pilot.app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
        await press(pilot, "enter", "q", "1", "y")
        assert isinstance(pilot.app.screen, SecretDialog) and copied == [secret]
        await press(pilot, "escape")
        await gone(pilot)
        assert secret not in words(pilot) + shown_messages(pilot) and shown._secret == ""
        assert "reseller" in words(pilot)
    row = ApiToken.get(ApiToken.name == "reseller")
    assert (row.role, row.clients, row.products) == ("operator", [1], [1])
    assert tokens.authenticate(secret, "127.0.0.1").login == "token:reseller"
    last = Audit.select().order_by(Audit.id.desc()).get()
    assert (last.action, last.kind, last.source) == ("create", "token", "console")


async def test_what_the_engine_refuses_stays_in_the_form(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "+")
        form = await fill(pilot, name="billing", role="viewer")
        await until(pilot, lambda: "The token 'billing' already exists" in words(pilot))
        assert pilot.app.screen is form
        await fill(pilot, name="two", role="viewer", clients="Acmee")
        await until(pilot, lambda: "Did you mean 'Acme'?" in words(pilot))
    assert ApiToken.select().count() == 3


async def test_a_rotated_token_has_another_secret_and_expiry(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "home", "V")
        await dialog(pilot, SaveDialog)
        assert "stops working at once" in words(pilot)
        await press(pilot, "escape")
        await gone(pilot)
        before = ApiToken.get(ApiToken.name == "billing")
        await press(pilot, "V")
        await fill(pilot, expires="365d")
        secret = (await dialog(pilot, SecretDialog))._secret
    after = ApiToken.get(ApiToken.name == "billing")
    assert after.digest != before.digest and after.expires_at > before.expires_at
    assert tokens.authenticate(secret, "127.0.0.1").login == "token:billing"


async def test_a_token_is_revoked_by_its_typed_name(site: Store) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await press(pilot, "home", "D")
        await dialog(pilot, TypeName)
        await press(pilot, *"billin", "enter")
        assert isinstance(pilot.app.screen, TypeName)
        assert ApiToken.get(ApiToken.name == "billing").revoked_at is None
        await press(pilot, "g", "enter")
        await gone(pilot)
        await until(pilot, lambda: "x revoked" in words(pilot).partition("shop")[0])
    assert ApiToken.get(ApiToken.name == "billing").revoked_at is not None


async def test_a_record_is_read_only_and_escape_leads_back(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert "[9 Settings]" in words(pilot)
        await press(pilot, "down", "enter")
        await dialog(pilot, RecordView)
        assert "Acme" in words(pilot) and "by anna" in words(pilot) and "E edits" not in words(pilot)
        await press(pilot, "E")
        assert isinstance(pilot.app.screen, RecordView)
        await press(pilot, "escape", "slash", *"bill", "enter", "escape")
        assert pilot.app.screen_name == "tokens"  # type: ignore[attr-defined]
        await press(pilot, "escape")
        await until(pilot, lambda: pilot.app.screen_name == "settings")  # type: ignore[attr-defined]


async def test_the_alert_of_an_expiring_token_opens_it(site: Store) -> None:
    ApiToken.update(expires_at=times.now_ms() + 9 * DAY).where(ApiToken.name == "shop").execute()
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, "1")
        await press(pilot, "exclamation_mark", "slash", *"token", "enter", "enter")
        await until(pilot, lambda: pilot.app.screen_name == "tokens")  # type: ignore[attr-defined]
        await until(pilot, lambda: pilot.app.current_screen.list.cursor_key == "shop")  # type: ignore[attr-defined]


async def test_other_roles_read_and_change_nothing(site: Store) -> None:
    rows = Audit.select().count()
    operators.use(Operators(default=Role.OPERATOR))
    try:
        async with console().run_test(size=(100, 40)) as pilot:
            await opened(pilot)
            assert "billing" in words(pilot)
            for number, key in enumerate("+VD", 1):
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
    assert Audit.select().count() == rows
