"""A form made from a pydantic model: keyboard only, validated while typing.

    answers = await self.app.push_screen_wait(
        FormDialog("Add a zone", Form(Cloudflare, Hestia, PowerDns, by="type"))
    )                                   # a dict of answers, or None when it was left

A secret is never shown: when there is one, the empty line reads `(unchanged — type to replace)`, and stays so
in the answer as `__KEEP__`. A form of the engine brings its questions and its judge along:

    Form(fields=questions(PoolForm), judge=lambda answers: faults(…))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pydantic import BaseModel
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Select, Static, TextArea

from engine.counting import counted
from screens.common.text import plain, text
from screens.widgets.dialogs import Confirm, Dialog
from screens.widgets.fields import FormField, complaints, fields_of
from screens.widgets.question import UNCHANGED, Question
from screens.widgets.rule import TitledRule

__all__ = ["UNCHANGED", "FormDialog", "FormWidget", "Judge", "Question"]

Judge = Callable[[Mapping[str, object]], Mapping[str, str]]
"""From the answers to what is wrong with them: a sentence per question, under "" what concerns no single one."""


AROUND = 8
"""Lines of a form's box that are not questions: border, title, help, button, keys."""
CHANGED = 2
"""Lines of the list of changes."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """An answer that differs from the one the form was opened with."""

    title: str
    old: str
    new: str

    @property
    def words(self) -> str:
        """The change as one reads it; a secret shows neither value."""
        if self.old == self.new:
            return f"{self.title} replaced"
        return f"{self.title} {self.old or '(empty)'} → {self.new or '(empty)'}"


class FormWidget(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The fields of a model, or of several models distinguished by one of their fields.

    Arrows and page keys go from question to question; what is scrolled follows.
    """

    @dataclass
    class Changed(Message):
        """A value changed; `values` are all current values."""

        form: FormWidget
        values: dict[str, object]

    @dataclass
    class Submitted(Message):
        """Every answer is good, and enter was pressed."""

        form: FormWidget
        values: dict[str, object]

    @dataclass
    class Asking(Message):
        """The keys went to this question; `fault` is what is wrong with the form as a whole."""

        form: FormWidget
        field: FormField | None
        fault: str

    def __init__(
        self,
        *models: type[BaseModel],
        by: str = "",
        values: Mapping[str, object] | None = None,
        choices: Mapping[str, Sequence[str]] | None = None,
        secrets: Iterable[str] = (),
        fields: Sequence[FormField] = (),
        judge: Judge | None = None,
    ) -> None:
        """`values` fill the form, `choices` turn a text into a choice, `secrets` name those already kept."""
        super().__init__(classes="form")
        self._judged_by: Judge = judge or partial(complaints, models, by=by)
        given, known, options = values or {}, frozenset(secrets), choices or {}
        self._questions = {
            field.name: Question(
                field, given.get(field.name, field.default), options.get(field.name, ()), field.name in known
            )
            for field in _by_section(fields or fields_of(*models, by=by))
        }
        names = dict.fromkeys(each.field.section for each in self._questions.values())
        self._headings = {name: TitledRule(name, classes="form-section") for name in names if name}
        self._tried = False
        self._asking: FormField | None = None
        self.first = ""
        """The question that gets the keys when the form opens; empty: the first."""
        self.enter_saves = True
        """False: enter goes to the next question, as long as there are several."""

    def compose(self) -> ComposeResult:
        under = ""
        for each in self._questions.values():
            if each.field.section != under:
                under = each.field.section
                yield self._headings[under]
            yield each

    def on_mount(self) -> None:
        self._judge()
        self._questions.get(self.first, next(iter(self._questions.values()))).enter()

    @property
    def lost(self) -> list[FieldChange]:
        """The changes that are lost when the form is left."""
        return self.changes

    @property
    def changes(self) -> list[FieldChange]:
        """The answers that differ from those the form was opened with."""
        asked = self.values
        return [
            FieldChange(each.field.title, *each.old_and_new)
            for name, each in self._questions.items()
            if name in asked and each.changed
        ]

    @property
    def values(self) -> dict[str, object]:
        """The values of the visible fields."""
        everything = {name: each.answer for name, each in self._questions.items()}
        return {
            name: value for name, value in everything.items() if self._questions[name].field.asked(everything)
        }

    def hint(self, name: str, words: str) -> None:
        """Shows under a field what its answer leads to, such as the reverse zone of a pool."""
        self._questions[name].say(hint=words)

    def suggest(self, name: str, words: str) -> None:
        """Shows in an empty line what holds while nothing is answered."""
        self._questions[name].suggest(words)

    def offer(self, name: str, by: str, values: Sequence[str]) -> None:
        """Offers values for a question, such as the bridges of a cluster; another answer is allowed."""
        if name in self._questions:
            self._questions[name].offer(by, values)

    def about(self, field: FormField) -> str:
        """What a question is for."""
        return self._questions[field.name].about

    def complain(self, name: str, sentence: str) -> None:
        """Shows an error found elsewhere, under a field or for the whole form."""
        if name in self._questions:
            self._questions[name].say(error=sentence)
        else:
            self.post_message(self.Asking(self, self._asking, sentence))

    def fill(self, name: str, value: object) -> None:
        """Answers a question from outside."""
        self._questions[name].fill(value)

    def enter(self, name: str) -> None:
        """Gives the keys to a question."""
        self._questions[name].enter()

    def turn(self, by: int) -> None:
        """Goes to the first question of the section before or after this one."""
        seen = [each for each in self._questions.values() if each.display]
        starts = [each for at, each in enumerate(seen) if _begins(seen, at)]
        here = next((each for each in seen if each.field == self._asking), seen[0])
        place = max(at for at, each in enumerate(starts) if seen.index(each) <= seen.index(here))
        aim = starts[max(0, min(place + by, len(starts) - 1))]
        aim.enter()
        heading = self._headings.get(aim.field.section)
        if heading is not None:
            self.call_after_refresh(heading.scroll_visible, top=True, animate=False)

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
        return False

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        question = next((each for each in event.widget.ancestors if isinstance(each, Question)), None)
        if question is not None:
            self._asking = question.field
            self.post_message(self.Asking(self, self._asking, ""))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._changed(event.input)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._changed(event.text_area)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        event.stop()
        self._changed(event.checkbox)

    def on_select_changed(self, event: Select.Changed) -> None:
        event.stop()
        self._changed(event.select)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.enter_saves or len(self.values) == 1:
            self.submit()
        else:
            self.screen.focus_next()

    def _changed(self, control: Widget) -> None:
        question = next(each for each in control.ancestors if isinstance(each, Question))
        question.touched = True
        self._judge()
        self.post_message(self.Changed(self, self.values))

    def _judge(self) -> dict[str, str]:
        """Shows the visible fields, each with its error."""
        values = self.values
        wrong = {name: plain(words) for name, words in self._judged_by(values).items()}
        for name, question in self._questions.items():
            question.display = name in values
            known = question.touched or self._tried
            question.say(error=wrong[name] if known and name in wrong else "")
        for name, heading in self._headings.items():
            heading.display = any(
                each.display and each.field.section == name for each in self._questions.values()
            )
        if self._tried:
            self.post_message(self.Asking(self, self._asking, wrong.get("", "")))
        return wrong


def _by_section(fields: Sequence[FormField]) -> Iterable[FormField]:
    """Each section in one piece, in order; fields without a heading come first."""
    order = list(dict.fromkeys(("", *(each.section for each in fields))))
    return sorted(fields, key=lambda each: order.index(each.section))


def _begins(seen: Sequence[Question], at: int) -> bool:
    return at == 0 or seen[at].field.section != seen[at - 1].field.section


class FormDialog(Dialog[dict[str, object]]):
    """A form in a box; answers with its values, or None when it was left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
        Binding("pagedown", "turn(1)", "Next section", show=False),
        Binding("pageup", "turn(-1)", "Section before", show=False),
        Binding("ctrl+s,ctrl+o", "save", "Save", show=False, priority=True),
    ]

    def __init__(self, title: str, form: FormWidget, *, save: str = "Save", editing: bool = False) -> None:
        """`editing`: the form shows what is there; its changes are listed, and enter does not save."""
        saves = "enter next · ^s saves" if editing else "tab next · enter or ^s saves"
        keys = f"{saves} · space ticks · esc cancels"
        super().__init__(title, keys + (" · pgdn section" if len(form._headings) > 1 else ""))
        self.form = form
        self._editing = editing
        form.enter_saves = not editing
        self._save_label = save
        self._changes = Static("", classes="form-changes", markup=False)
        self._below = Static("", classes="form-help", markup=False)

    def body(self) -> Iterable[Widget]:
        yield self.form
        yield self._below
        if self._editing:
            yield self._changes
        yield Horizontal(
            Button(Content(plain(self._save_label)), id="save", compact=True), classes="dialog-buttons"
        )

    def on_resize(self) -> None:
        """The questions get what the box leaves them."""
        around = AROUND + (CHANGED if self._editing else 0)
        self.form.styles.max_height = max(3, self.size.height * 96 // 100 - around)

    def taken(self, values: dict[str, object]) -> None:
        """What becomes of good answers: they are the dialog's answer."""
        self.dismiss(values)

    def say(self, fault: str) -> None:
        """Shows what is wrong with the whole, until the keys go elsewhere."""
        self._below.set_class(bool(fault), "wrong")
        self._below.update(text(f"[-] {fault}" if fault else ""), layout=bool(fault))

    def action_save(self) -> None:
        """Saves, whichever widget has the focus."""
        self.form.submit()

    def action_leave(self) -> None:
        """Leaves; asks first when answers would be lost."""
        changes = self.form.lost
        if not changes:
            self.dismiss(None)
            return
        number = counted(len(changes), "changes")
        words = "\n".join(each.words for each in changes)
        self.app.push_screen(Confirm(f"Discard {number}?", words, yes="Discard"), self._discard)

    def _discard(self, agreed: bool | None) -> None:
        if agreed:
            self.dismiss(None)

    def on_form_widget_changed(self, message: FormWidget.Changed) -> None:
        message.stop()
        if self._editing:
            changes = self.form.changes
            words = " · ".join(each.words for each in changes)
            self._changes.update(text(f"{len(changes)} changed: {words}" if changes else ""), layout=False)

    def action_turn(self, by: int) -> None:
        """Goes to another section."""
        self.form.turn(by)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.form.submit()

    def on_form_widget_asking(self, message: FormWidget.Asking) -> None:
        message.stop()
        self.say(message.fault)
        if not message.fault and message.field is not None:
            self._below.update(text(self.form.about(message.field)), layout=False)

    def on_form_widget_submitted(self, message: FormWidget.Submitted) -> None:
        message.stop()
        self.taken(message.values)
