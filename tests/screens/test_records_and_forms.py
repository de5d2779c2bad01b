"""Records are looked at first, edited with E, and saved with ctrl+s; nothing typed is lost unasked."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Input

from engine.actions.repository import PutResult
from engine.store.models import Client, Product
from screens.framework.record_view import RecordView
from screens.framework.save_dialog import SaveDialog
from screens.widgets.dialogs import Confirm, Notice
from screens.widgets.fields import FormField
from screens.widgets.form import FormWidget
from tests.conftest import Store
from tests.screens.console_site import console, place
from tests.screens.pressing import at, dialog, gone, press, until, words
from tests.screens.site_records import records

CLIENTS, PRODUCTS = "7", "5"


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    records()
    return sqlite_store


async def test_enter_shows_the_record_and_everything_that_hangs_on_it(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, PRODUCTS, "VPS-1")
        await press(pilot, "enter")
        shown = await dialog(pilot, RecordView)
        assert "Product VPS-1" in words(pilot) and "Memory" in words(pilot)
        assert shown.table.count == 6
        await press(pilot, "enter")
        await gone(pilot)
        assert place(pilot).service_id == 5546  # type: ignore[attr-defined]


async def test_a_record_is_renamed_only_by_ctrl_s(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, PRODUCTS, "VPS-1")
        await press(pilot, "enter", "E")
        await dialog(pilot, SaveDialog)
        await press(pilot, "end", "x", "enter", "enter")
        assert Product.get_or_none(Product.name == "VPS-1x") is None
        assert "1 changed: Name VPS-1 → VPS-1x" in words(pilot)
        await press(pilot, "ctrl+s")
        notice = await dialog(pilot, Notice)
        assert "Warning: The product was not checked against its server" in notice._words
        await press(pilot, "escape")
        await gone(pilot)
    assert Product.get_or_none(Product.name == "VPS-1x") is not None


async def test_esc_asks_before_answers_are_lost(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await at(pilot, CLIENTS, "Acme")
        await press(pilot, "E", "end", "x", "escape")
        await dialog(pilot, Confirm)
        assert "Discard 1 change?" in words(pilot) and "Name Acme → Acmex" in words(pilot)
        await press(pilot, "n")
        assert isinstance(pilot.app.screen, SaveDialog)
        await press(pilot, "escape", "y")
        await gone(pilot)
        await press(pilot, "E", "escape")
        await gone(pilot)
    assert Client.get_by_id(1).name == "Acme"


async def test_a_form_offers_what_the_cluster_has_and_takes_another_answer(stage: Any) -> None:
    saved: list[dict[str, object]] = []

    def save(answers: dict[str, object]) -> PutResult:
        saved.append(answers)
        return PutResult("pool", "p", "create")

    fields = (
        FormField("server", "Server", default="pve-1"),
        FormField("bridge", "Bridge", help="Where it is plugged in."),
    )
    app = stage()
    async with app.run_test(size=(100, 30)) as pilot:
        form = FormWidget(fields=fields, judge=lambda answers: {})
        dialog_ = SaveDialog("Add a pool", form, save, offers=lambda server: {"bridge": ["vmbr0", "vmbr1"]})
        await app.push_screen(dialog_)
        await until(pilot, lambda: "vmbr1" in form._questions["bridge"].about)
        await pilot.press("tab", *"vmbr")
        await until(pilot, lambda: bool(form._questions["bridge"].query_one(Input)._suggestion))
        await pilot.press("right")
        assert form.values["bridge"] == "vmbr0"
        await pilot.press("9")
        await until(pilot, lambda: "~ vmbr09 was not found on pve-1" in words(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(saved))
    assert saved[0]["bridge"] == "vmbr09"
