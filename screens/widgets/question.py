"""One question of a form: its title, what it is answered with, and below it what is wrong or what follows.

An unchanged answer is returned exactly as given, even if parts of it could not be shown safely.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Select, Static, TextArea

from screens.common.text import plain, text
from screens.widgets.fields import FormField, value_of
from screens.widgets.text_line import TextLine

UNCHANGED = "(unchanged — type to replace)"
_MOST_OFFERED = 12
MOST_LINES = 6
"""Lines of a many-line answer that are seen at once."""


class Tick(Checkbox):
    """A checkbox that is empty when off, so that its state does not depend on colour."""

    def watch_value(self) -> None:
        self._show()
        super().watch_value()

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        self.BUTTON_INNER = "X" if self.value else " "
        self.label = Content("yes" if self.value else "no")


class Pick(Select[str], inherit_bindings=False):
    """One of several; enter or space opens the list, arrows move to the next question."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "show_overlay", "Show them", show=False),
    ]
    chosen: str | None = None
    """What was chosen at the start; the value itself is there only once it is mounted."""


class Lines(TextArea):
    """An answer of many lines, one entry to a line; enter begins the next, tab moves on."""

    def __init__(self, words: str) -> None:
        super().__init__(words, compact=True, soft_wrap=False, highlight_cursor_line=False)
        self._fit()

    def on_text_area_changed(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """As high as its lines and one empty line."""
        self.styles.height = max(2, min(MOST_LINES, self.document.line_count + 1))


class Question(Vertical):
    """A title, what is typed, and below it what is wrong with it or what it leads to."""

    def __init__(self, field: FormField, value: object, choices: Sequence[str], known_secret: bool) -> None:
        super().__init__(classes="question")
        self.field = field
        self.touched = False
        self.known_secret = known_secret
        self._given = value
        self._control = _control(field, value, choices, known_secret)
        self._start = self._control.chosen if isinstance(self._control, Pick) else self._raw
        self._below = Static("", classes="question-below", markup=False)
        self._error = self._hint = ""
        self._said: str | None = None
        self._offered: tuple[str, ...] = ()
        self._offered_by = ""

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
        raw = self._raw
        if raw == self._start and self.field.kind != "secret" and self._given is not None:
            return self._given
        return value_of(self.field, raw, self.known_secret)

    @property
    def _raw(self) -> Any:
        """The value of the control."""
        if isinstance(self._control, Lines):
            return self._control.text
        raw: Any = getattr(self._control, "value", None)
        return None if raw is Select.NULL else raw

    @property
    def changed(self) -> bool:
        """True when something else is answered than at the start."""
        return bool(self._raw != self._start)

    @property
    def old_and_new(self) -> tuple[str, str]:
        """Both answers as words; a secret shows neither."""
        if self.field.kind == "secret":
            return "", ""
        old, new = (_words(self.field, each) for each in (self._start, self._raw))
        return old, new

    def fill(self, value: object) -> None:
        """Answers it from outside."""
        control: Any = self._control
        if isinstance(control, Lines):
            control.text = _shown(self.field, value)
        else:
            control.value = bool(value) if self.field.kind == "bool" else _shown(self.field, value)

    def suggest(self, words: str) -> None:
        """Shows in an empty line what holds while nothing is answered."""
        if isinstance(self._control, Input) and self.field.kind != "secret":
            self._control.placeholder = plain(words)

    def offer(self, by: str, values: Sequence[str]) -> None:
        """Completes what is typed from these values, and says when an answer is none of them; it is still allowed."""
        if isinstance(self._control, Input) and self.field.kind != "secret":
            self._offered, self._offered_by = tuple(values), by
            self._control.suggester = SuggestFromList(self._offered, case_sensitive=False)
            self.say()

    @property
    def about(self) -> str:
        """What the question is for, and what there is to choose from."""
        if not self._offered:
            return self.field.about
        shown = ", ".join(plain(each) for each in self._offered[:_MOST_OFFERED])
        more = len(self._offered) - _MOST_OFFERED
        rest = f" and {more} more" if more > 0 else ""
        return f"{self.field.about} On {self._offered_by}: {shown}{rest} (→ completes)"

    @property
    def _unknown(self) -> str:
        """What is wrong with an answer that is not among the offered values."""
        answer = str(self._raw or "")
        if not self._offered or not answer or answer in (*self._offered, str(self.field.default)):
            return ""
        return f"~ {plain(answer, 40)} was not found on {self._offered_by}"

    def enter(self) -> None:
        """Takes the keys."""
        self._control.focus()

    def say(self, error: str | None = None, hint: str | None = None) -> None:
        """Shows what is wrong, or else the hint; nothing takes no room."""
        self._error = self._error if error is None else error
        self._hint = self._hint if hint is None else hint
        words = f"[-] {self._error}" if self._error else self._unknown or self._hint
        if words != self._said:
            self._said = words
            self.set_class(bool(self._error), "wrong")
            self._below.display = bool(words)
            self._below.update(text(words))

    def on_mount(self) -> None:
        self.say()

    def on_descendant_focus(self) -> None:
        self.add_class("asking")

    def on_descendant_blur(self) -> None:
        self.remove_class("asking")


def _words(field: FormField, raw: Any) -> str:
    """An answer on one line."""
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    return "" if raw is None else plain(" ".join(str(raw).split("\n")), 40)


def _control(field: FormField, value: object, choices: Sequence[str], known_secret: bool) -> Widget:
    """What the answer is typed into or chosen from."""
    if field.kind == "bool":
        return Tick(Content("yes"), bool(value), compact=True)
    if field.kind == "lines":
        return Lines(_shown(field, value))
    offered = tuple(choices) or field.choices
    if offered:
        chosen = str(value) if value is not None and str(value) in offered else Select.NULL
        if chosen is Select.NULL and field.required and len(offered) == 1:
            chosen = offered[0]
        pick = Pick(
            [(Content(plain(each)), each) for each in offered],
            value=chosen,
            prompt="enter shows them",
            compact=True,
        )
        pick.chosen = None if chosen is Select.NULL else str(chosen)
        return pick
    if field.kind == "secret":
        return TextLine(placeholder=UNCHANGED if known_secret else "", password=True, compact=True)
    # a text that is there is edited, not replaced by the first key; a number is replaced
    return TextLine(_shown(field, value), compact=True, select_on_focus=field.kind == "int")


def _shown(field: FormField, value: object) -> str:
    """A value as its control shows it, safe to display and edit."""
    if value is None:
        return ""
    if field.kind == "lines":
        entries = value.splitlines() if isinstance(value, str) else value
        return "\n".join(plain(each) for each in entries)  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return plain(", ".join(str(each) for each in value))
    return plain(value)
