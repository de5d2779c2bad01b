"""View and edit the notes of a service or a client; never overwrites a concurrent edit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static, TextArea

from engine.actions.notes import LONGEST
from screens.common.text import plain, text
from screens.framework.save_dialog import error_text
from screens.widgets.dialogs import Confirm, Dialog

Write = Callable[[str, str], str]
"""Replaces the notes and returns the result as a sentence."""


class NotesDialog(Dialog[str]):
    """Answers with what was done, as a sentence; None when it was left."""

    AUTO_FOCUS = "TextArea"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,ctrl+o", "save", "Save", show=False, priority=True)
    ]

    def __init__(self, what: str, words: str, write: Write) -> None:
        super().__init__(f"Notes of {what}", "^s saves · esc cancels")
        self._was, self._write = words, write
        self._area = TextArea(_typed(words), compact=True, classes="notes")
        self._saving = False

    def body(self) -> Iterable[Widget]:
        yield self._area
        yield Static("", classes="dialog-error", markup=False)

    def action_save(self) -> None:
        """Saves, unless that is under way already."""
        if not self._saving:
            self._saving = True
            self.run_worker(self._save(self._area.text), group="save")

    def action_leave(self) -> None:
        """Leaves; asks first when something was written."""
        if self._area.text == _typed(self._was):
            self.dismiss(None)
        else:
            self.app.push_screen(Confirm("Discard what you wrote?", yes="Discard"), self._discard)

    def _discard(self, agreed: bool | None) -> None:
        if agreed:
            self.dismiss(None)

    async def _save(self, words: str) -> None:
        try:
            if words == _typed(self._was):  # what cannot be typed stays in notes that nobody changed
                self.dismiss(None)
            else:
                self.dismiss(await asyncio.to_thread(self._write, words, self._was))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.query_one(".dialog-error", Static).update(text(error_text(error)))
        self._saving = False


def _typed(words: str) -> str:
    """The words as they can be shown and typed: safe signs, real lines."""
    return "\n".join(plain(line, LONGEST) for line in words.split("\n"))
