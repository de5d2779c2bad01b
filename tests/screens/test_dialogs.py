"""Questions and forms, answered from the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator
from textual.screen import Screen
from textual.widgets import Checkbox, Input, Static

from screens.widgets.dialogs import Choice, Choose, Confirm, PlanDialog, PlanLine, TypeName
from screens.widgets.fields import KEEP, complaints, fields_of
from screens.widgets.form import UNCHANGED, FormDialog, FormWidget


async def answer(stage: Any, dialog: Screen[Any] | Callable[[], Screen[Any]], *keys: str) -> object:
    """What a dialog answers to these keys; "open" while it is still there."""
    answers: list[object] = []
    app = stage()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(dialog() if callable(dialog) else dialog, answers.append)
        await pilot.press(*keys)
        await pilot.pause()
        return answers[0] if answers else "open"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("y", True),
        ("n", False),
        ("escape", False),
        ("enter", False),
        ("tab enter", True),
        ("right enter", True),
    ],
)
async def test_a_question_is_answered_and_enter_alone_is_no(stage, keys, expected) -> None:
    assert await answer(stage, Confirm("Reboot?", "a[/b]", danger=True), *keys.split()) is expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["5", "5", "enter"], "open"),
        (["5", "5", "4", "6", "enter"], True),
        (["escape"], False),
        (["y"], "open"),
    ],
)
async def test_what_cannot_be_taken_back_wants_its_name_typed(stage, keys, expected) -> None:
    assert await answer(stage, TypeName("Terminate?", "5546", ("[/] gone",)), *keys) == expected


async def test_a_plan_counts_what_it_will_do(stage) -> None:
    plan = PlanDialog("Change", (PlanLine("+", "a[/b]"), PlanLine("-", "b"), PlanLine("-", "c")))
    assert plan._summary() == "1 to create · 2 to remove"
    assert await answer(stage, plan, "y") is True


async def test_a_choice_answers_with_its_value(stage) -> None:
    choices = (Choice("ready", "Fine."), Choice("creation", "From the start."))
    assert await answer(stage, Choose("Reset", choices), "down", "enter") == "creation"
    assert await answer(stage, Choose("Reset", choices), "escape") is None


class Cloudflare(BaseModel):
    zone: str = Field(min_length=1)
    type: Literal["Cloudflare"]
    token: SecretStr


class PowerDns(BaseModel):
    zone: str = Field(min_length=1)
    type: Literal["PowerDNS"]
    url: str = Field(title="Server URL", pattern="^https?://")
    key: SecretStr
    port: int = Field(8081, ge=1, le=65535)
    insecure: bool = False
    masters: list[str] = Field(default_factory=list)
    note: str | None = None

    @field_validator("zone")
    @classmethod
    def no_spaces(cls, zone: str) -> str:
        if " " in zone:
            raise ValueError("A zone name has no spaces")
        return zone


BOTH = (Cloudflare, PowerDns)


def test_fields_follow_the_models_and_their_provider() -> None:
    fields = {field.name: field for field in fields_of(*BOTH, by="type")}
    assert fields["type"].choices == ("Cloudflare", "PowerDNS") and fields["type"].kind == "choice"
    kinds = {name: fields[name].kind for name in ("zone", "token", "port", "insecure", "masters", "note")}
    assert list(kinds.values()) == ["text", "secret", "int", "bool", "words", "text"]
    assert fields["zone"].when is None
    assert fields["url"].asked({"type": "PowerDNS"}) and not fields["url"].asked({"type": "Cloudflare"})


def test_complaints_are_sentences_per_field() -> None:
    wrong = complaints(
        BOTH, {"type": "PowerDNS", "zone": "a b", "url": "x", "key": "", "port": "many"}, "type"
    )
    assert wrong == {
        "zone": "A zone name has no spaces.",
        "url": "This must match '^https?://'.",
        "port": "This must be a number.",
    }
    assert complaints(BOTH, {"type": "Cloudflare", "zone": ""}, "type") == {
        "zone": "This is needed.",
        "token": "This is needed.",
    }


def form(**values: object) -> FormWidget:
    start = {"type": "PowerDNS", "zone": "example.com", "url": "https://pdns", **values}
    return FormWidget(*BOTH, by="type", values=start, secrets=("key",))


async def test_enter_hands_over_typed_answers_and_keeps_the_secret(stage) -> None:
    assert await answer(stage, lambda: FormDialog("Zone", form()), "enter") == {
        "zone": "example.com",
        "type": "PowerDNS",
        "url": "https://pdns",
        "key": KEEP,
        "port": 8081,
        "insecure": False,
        "masters": [],
        "note": None,
    }
    assert await answer(stage, lambda: FormDialog("Zone", form()), "escape") is None


async def test_wrong_answers_are_shown_under_their_field_and_go_nowhere(stage) -> None:
    app = stage()
    answers: list[object] = []
    async with app.run_test(size=(100, 30)) as pilot:
        dialog = FormDialog("Zone", form(url=""))
        await app.push_screen(dialog, answers.append)
        await pilot.press("enter")
        assert not answers
        question = dialog.form._questions["url"]
        assert question.has_class("wrong") and question._control.has_focus
        await pilot.press(*"https://x")
        assert not question.has_class("wrong")
        await pilot.press("enter")
        assert answers and answers[0]["url"] == "https://x"  # type: ignore[index]


async def test_questions_come_and_go_with_the_provider(stage) -> None:
    app = stage()
    async with app.run_test(size=(100, 30)) as pilot:
        dialog = FormDialog("Zone", form())
        await app.push_screen(dialog)
        dialog.form.fill("type", "Cloudflare")
        await pilot.pause()
        assert list(dialog.form.values) == ["zone", "type", "token"]
        assert not dialog.form._questions["url"].display
        secret = dialog.form._questions["key"]._control
        assert isinstance(secret, Input) and secret.value == "" and secret.placeholder == UNCHANGED


async def test_a_check_mark_is_readable_without_colour_and_hints_are_below(stage) -> None:
    app = stage()
    async with app.run_test(size=(100, 30)) as pilot:
        dialog = FormDialog("Zone", form())
        await app.push_screen(dialog)
        tick = dialog.form.query_one(Checkbox)
        assert "X" not in tick.render().plain  # type: ignore[union-attr]
        tick.focus()
        await pilot.press("space")
        assert "X" in tick.render().plain  # type: ignore[union-attr]
        dialog.form.hint("zone", "a[/b] reverse zone")
        below = dialog.form._questions["zone"].query_one(".question-below", Static)
        assert below.render().plain == "a[/b] reverse zone"  # type: ignore[union-attr]


async def test_a_long_answer_is_seen_in_its_only_line(stage) -> None:
    app = stage()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(FormDialog("Zone", form(url="https://" + "x" * 200)))
        await pilot.press("tab", "tab")
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
        assert "x" * 40 in shown
