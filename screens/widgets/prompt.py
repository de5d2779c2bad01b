"""One line at the bottom that is there only while it is typed into: the filter (`/`) and the goto (`:`).

`Changed` follows every key, so that a list narrows as it is typed; `Closed` says whether the text was kept
(enter) or cancelled (esc).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from screens.common.text import text


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
        self.sign = sign
        self._input = Input(placeholder=f"{hint} · enter keeps, esc cancels", compact=True)

    def compose(self) -> ComposeResult:
        yield Label(text(self.sign))
        yield self._input

    @property
    def value(self) -> str:
        """What is typed now."""
        return self._input.value

    def open(self, value: str = "") -> None:
        """Shows the line with a text to edit, and takes the focus."""
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
        self.post_message(self.Closed(self, self._input.value, kept))
