"""The forms of a VM's tabs: name and note of a snapshot, and the days of a schedule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field, field_validator
from textual.app import App

from engine.clock import DAYS
from engine.queries.maintenance import ScheduleView
from screens.widgets.form import FormDialog, FormWidget

_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{1,39})?")
_TIME = re.compile(r"(([01]?\d|2[0-3]):[0-5]\d)?")


class SnapshotForm(BaseModel):
    """A snapshot about to be taken."""

    name: str = Field("", title="Name", description="Empty: a name that cannot collide.", max_length=40)
    note: str = Field("", title="Note", description="What it is for.", max_length=200)

    @field_validator("name")
    @classmethod
    def _fits(cls, value: str) -> str:
        if not _NAME.fullmatch(value.strip()) or value.strip() in ("current", "pending"):
            raise ValueError(
                "A letter first, then letters, digits, - or _, 2 to 40 in all; not current, not pending"
            )
        return value.strip()


class ScheduleForm(BaseModel):
    """The days and the time of a schedule."""

    mon: bool = Field(False, title="Monday")
    tue: bool = Field(False, title="Tuesday")
    wed: bool = Field(False, title="Wednesday")
    thu: bool = Field(False, title="Thursday")
    fri: bool = Field(False, title="Friday")
    sat: bool = Field(False, title="Saturday")
    sun: bool = Field(False, title="Sunday")
    at: str = Field("", title="Time (HH:MM)", description="Empty: a random time, drawn once.", max_length=5)

    @field_validator("at")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if not _TIME.fullmatch(value.strip()):
            raise ValueError("This must be a time of the day such as 03:30, or empty")
        return value.strip()


class ScheduleDialog(FormDialog):
    """The form of a schedule; a sentence below shows its effect while it is filled in."""

    def __init__(self, what: str, now: ScheduleView | None) -> None:
        known: dict[str, object] = {day: now is not None and day in now.days for day in DAYS}
        known["at"] = now.at if now is not None else ""
        super().__init__(f"Schedule of {what}s", FormWidget(ScheduleForm, values=known))
        self._what = what

    def on_mount(self) -> None:
        self._preview(self.form.values)

    def on_form_widget_changed(self, message: FormWidget.Changed) -> None:
        message.stop()
        self._preview(message.values)

    def _preview(self, values: Mapping[str, object]) -> None:
        self.form.hint("at", sentence(self._what, _days(values), str(values.get("at") or "")))


async def asked_schedule(
    app: App[object], what: str, now: ScheduleView | None
) -> tuple[list[str], str] | None:
    """The days and the time an operator wants, empty for a random one; None when the form was left."""
    answers = await app.push_screen_wait(ScheduleDialog(what, now))
    return None if answers is None else (_days(answers), str(answers.get("at") or ""))


def sentence_of(what: str, now: ScheduleView | None) -> str:
    """A schedule as a sentence, with the key that changes it."""
    words = sentence(what, now.days, now.at) if now is not None else sentence(what, (), "")
    return f"{words} w changes it."


def sentence(what: str, days: Sequence[str], at: str) -> str:
    """On which days something is made, and when, in words."""
    if not days:
        return f"No {what} schedule."
    when = f"at {at}" if at else "at a random time"
    every = (
        "every day" if len(days) == len(DAYS) else "on " + _and([_NAMES[DAYS.index(each)] for each in days])
    )
    return f"A {what} is made {every} {when}, where this console's clock is set to."


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _days(values: Mapping[str, object]) -> list[str]:
    return [day for day in DAYS if values.get(day)]
