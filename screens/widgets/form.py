"""A form made from a pydantic model: typed with the keyboard alone, judged while it is typed.

    answers = await self.app.push_screen_wait(
        FormDialog("Add a zone", Form(Cloudflare, Hestia, PowerDns, by="type"))
    )                                   # a dict of answers, or None when it was left

A secret is never shown: when there is one, the empty line reads `(unchanged — type to replace)`, and stays so
in the answer as `__KEEP__`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Select, Static

from screens.text import plain, text
from screens.widgets.dialogs import Dialog
from screens.widgets.fields import Field, complaints, fields_of, value_of

UNCHANGED = "(unchanged — type to replace)"


class Tick(Checkbox):
    """A box that is empty when it is off, so that nobody has to tell it by its colour."""

    def watch_value(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        super().watch_value()

    def on_mount(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "


class Question(Vertical):
    """A title, what is typed, and below it what is wrong with it or what it leads to."""

    def __init__(self, field: Field, value: object, choices: Sequence[str], known_secret: bool) -> None:
        super().__init__(classes="question")
        self.field = field
        self.touched = False
        self.known_secret = known_secret
        self._control = _control(field, value, choices, known_secret)
        self._below = Static("", classes="question-below", markup=False)
        self._error = self._hint = ""

    def compose(self) -> ComposeResult:
        with Horizontal(classes="question-line"):
            yield Static(
                text(self.field.title + (" *" if self.field.required else "")), classes="question-title"
            )
            yield self._control
        yield self._below

    @property
    def answer(self) -> object:
        """What is answered now."""
        raw: Any = getattr(self._control, "value", None)
        return value_of(self.field, None if raw is Select.NULL else raw, self.known_secret)

    def fill(self, value: object) -> None:
        """Answers it from outside."""
        self._control.value = _shown(self.field, value)  # type: ignore[attr-defined]

    def enter(self) -> None:
        """Takes the keys."""
        self._control.focus()

    def say(self, error: str | None = None, hint: str | None = None) -> None:
        """Shows what is wrong, or else the hint, or else what the field is for while it is empty."""
        self._error = self._error if error is None else error
        self._hint = self._hint if hint is None else hint
        self.set_class(bool(self._error), "wrong")
        words = f"[-] {self._error}" if self._error else self._hint
        self._below.display = bool(words)
        self._below.update(text(words))

    def on_mount(self) -> None:
        self.say(hint=self.field.help)


class Form(VerticalScroll, can_focus=False):
    """The questions of a model, or of several models told apart by one of their fields."""

    @dataclass
    class Changed(Message):
        """An answer changed; `values` are all of them as they stand."""

        form: Form
        values: dict[str, object]

    @dataclass
    class Submitted(Message):
        """Every answer is good, and enter was pressed."""

        form: Form
        values: dict[str, object]

    def __init__(
        self,
        *models: type[BaseModel],
        by: str = "",
        values: Mapping[str, object] | None = None,
        choices: Mapping[str, Sequence[str]] | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """`values` fill the form, `choices` turn a text into a choice, `secrets` name those already kept."""
        super().__init__(classes="form")
        self._models, self._by = models, by
        given, known, options = values or {}, frozenset(secrets), choices or {}
        self._questions = {
            field.name: Question(
                field, given.get(field.name, field.default), options.get(field.name, ()), field.name in known
            )
            for field in fields_of(*models, by=by)
        }
        self._tried = False

    def compose(self) -> ComposeResult:
        yield from self._questions.values()

    def on_mount(self) -> None:
        self._judge()
        next(iter(self._questions.values())).enter()

    @property
    def values(self) -> dict[str, object]:
        """The answers to the questions that are asked now."""
        everything = {name: each.answer for name, each in self._questions.items()}
        return {
            name: value for name, value in everything.items() if self._questions[name].field.asked(everything)
        }

    def hint(self, name: str, words: str) -> None:
        """Shows under a field what its answer leads to, such as the reverse zone of a pool."""
        self._questions[name].say(hint=words)

    def complain(self, name: str, sentence: str) -> None:
        """Shows under a field what somebody else found wrong with it."""
        self._questions[name].say(error=sentence)

    def fill(self, name: str, value: object) -> None:
        """Answers a question from outside."""
        self._questions[name].fill(value)

    def submit(self) -> bool:
        """Hands the answers over when all are good; else goes to the first that is not."""
        self._tried = True
        wrong = self._judge()
        if not wrong:
            self.post_message(self.Submitted(self, self.values))
            return True
        first = next((each for name, each in self._questions.items() if name in wrong and each.display), None)
        if first is not None:
            first.enter()
        else:
            self.notify(" ".join(wrong.values()), severity="error", markup=False)
        return False

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.input)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        self._changed(event.checkbox)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self._changed(event.select)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.submit()

    def _changed(self, control: Widget) -> None:
        question = next(each for each in control.ancestors if isinstance(each, Question))
        question.touched = True
        self._judge()
        self.post_message(self.Changed(self, self.values))

    def _judge(self) -> dict[str, str]:
        """Shows the questions that are asked now, and under each what is wrong with its answer."""
        values = self.values
        wrong = complaints(self._models, values, self._by)
        for name, question in self._questions.items():
            question.display = name in values
            known = question.touched or self._tried
            question.say(error=plain(wrong[name]) if known and name in wrong else "")
        return wrong


class FormDialog(Dialog[dict[str, object]]):
    """A form in a box; answers with its values, or None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, title: str, form: Form) -> None:
        super().__init__(title, "tab next · enter saves · space ticks · esc cancels")
        self.form = form

    def body(self) -> Iterable[Widget]:
        yield self.form
        yield Horizontal(Button(Content("Save"), id="save", compact=True), classes="dialog-buttons")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.form.submit()

    def on_form_submitted(self, message: Form.Submitted) -> None:
        message.stop()
        self.dismiss(message.values)


def _control(field: Field, value: object, choices: Sequence[str], known_secret: bool) -> Widget:
    """What the answer is typed into or chosen from."""
    if field.kind == "bool":
        return Tick(Content("yes"), bool(value), compact=True)
    offered = tuple(choices) or field.choices
    if offered:
        chosen = str(value) if value is not None and str(value) in offered else Select.NULL
        if chosen is Select.NULL and field.required and len(offered) == 1:
            chosen = offered[0]
        return Select([(Content(plain(each)), each) for each in offered], value=chosen, compact=True)
    if field.kind == "secret":
        return Input(placeholder=UNCHANGED if known_secret else "", password=True, compact=True)
    return Input(_shown(field, value), compact=True)


def _shown(field: Field, value: object) -> str:
    """A value as it stands in an input, safe to be shown and typed over."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return plain(", ".join(str(each) for each in value))
    return plain(value)
