"""What is shown of consoles inside the console: a link to a screen, and the last lines of a serial session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from engine.consoles.screen_offers import OfferStage, ScreenOffer
from screens.common.text import block, plain
from screens.widgets.dialogs import Dialog, Notice

_LOOK_SECONDS = 0.25


class LastLines(Notice):
    """What a serial console showed last, for reading after it was left."""

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
        self.call_after_refresh(self.query_one(VerticalScroll).scroll_end, animate=False)


class LinkDialog(Dialog[None]):
    """A link to a screen, and what becomes of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("y", "copy", "Copy", show=False)]

    def __init__(self, offer: ScreenOffer, link: str) -> None:
        super().__init__(
            f"Screen of {plain(offer.name)}", "y copies the link · esc closes this, not the screen"
        )
        self._offer, self._link = offer, link
        self._state = Static("", classes="dialog-note", markup=False)

    def body(self) -> Iterable[Widget]:
        yield Static(block(self._link), classes="dialog-note")
        yield self._state

    def on_mount(self) -> None:
        self._look()
        self.set_interval(_LOOK_SECONDS, self._look)

    def action_copy(self) -> None:
        """Copies the link."""
        self.app.copy_to_clipboard(self._link)
        self.notify("The link is on the clipboard.", markup=False, timeout=2)

    def _look(self) -> None:
        self._state.update(block(self._words()))

    def _words(self) -> str:
        step = self._offer.now()
        if self._offer.ending is not None:
            return self._offer.ending.sentence
        if step is OfferStage.LINK:
            return f"Open it within {self._offer.seconds_left:.0f} s, in one browser; it works once."
        return "It is open in a browser." if step is OfferStage.OPEN else "A browser opens it."
