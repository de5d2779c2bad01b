"""A secret that was just made and is shown this once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from screens.common.text import block, pasteable
from screens.widgets.dialogs import Dialog


class SecretDialog(Dialog[None]):
    """Stays until it is closed with esc; the secret is kept nowhere else."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy", show=False)]

    def __init__(self, title: str, secret: str, about: str) -> None:
        super().__init__(title, "y copies the secret · esc closes")
        self._secret = secret
        self._about = about
        self._words = Static("", classes="dialog-note", markup=False)

    def body(self) -> Iterable[Widget]:
        yield self._words
        yield Static(block(f"[!] It is not shown again. {self._about}"), classes="dialog-note", markup=False)

    def on_mount(self) -> None:
        self._words.update(block(self._secret))

    def action_copy(self) -> None:
        """Copies the secret alone."""
        self.app.copy_to_clipboard(pasteable(self._secret))
        self.notify("The secret is on the clipboard.", markup=False, timeout=2)

    def action_leave(self) -> None:
        self._secret = ""
        self._words.update("")
        self.dismiss(None)
