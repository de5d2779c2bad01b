"""One line at the bottom that is there only while it is typed into: the filter (`/`) and the goto (`:`).

`Changed` follows every key, so that a list narrows as it is typed; `Closed` says whether the text was kept
(enter) or cancelled (esc).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from screens.common.text import text
from screens.widgets.text_line import TextLine


class Prompt(Horizontal):
    """A sign, and what is typed after it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Cancel", show=False)]

    @dataclass
    class Changed(Message):
        """The text after a key."""

        prompt: Prompt
        value: str

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Prompt.Changed) and message.prompt is self.prompt

    @dataclass
    class Closed(Message):
        """Typing is over; `kept` is False when esc took the text back."""

        prompt: Prompt
        value: str
        kept: bool

    def __init__(self, sign: str, hint: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes="hidden")
        self._sign = sign
        self._hint = f"{hint} · enter keeps, esc cancels"
        self._input: Input | None = None
        """Made when the line is first opened: most are never typed into."""

    @property
    def value(self) -> str:
        """What is typed now."""
        return self._input.value if self._input is not None else ""

    def open(self, value: str = "") -> None:
        """Shows the line with a text to edit, and takes the focus."""
        if self._input is None:
            self._input = TextLine(placeholder=self._hint, compact=True)
            self.mount(Label(text(self._sign)), self._input)
        with self.prevent(Input.Changed):
            self._input.value = value
        self._input.cursor_position = len(value)
        self.remove_class("hidden")
        self._input.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close(kept=True)

    def action_close(self) -> None:
        self._close(kept=False)

    def _close(self, kept: bool) -> None:
        self.add_class("hidden")
        self.post_message(self.Closed(self, self.value, kept))
