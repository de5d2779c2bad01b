"""The message shown in place of data: empty, loading, error, disconnected, too small.

    State("error", "The cluster pve-waw1 does not answer.", "ctrl+t tries again.")

Nothing in it moves: a spinner costs more of a slow line than the data it waits for.
"""

from __future__ import annotations

from typing import Literal

from rich.text import Text
from textual.geometry import Size

from screens.common.text import block
from screens.widgets.toned import Toned

Kind = Literal["empty", "loading", "error", "disconnected", "small"]
SIGNS: dict[str, tuple[str, str]] = {
    "empty": ("[ ]", "muted"),
    "loading": ("[…]", "busy"),
    "error": ("[-]", "error"),
    "disconnected": ("[x]", "warn"),
    "small": ("[!]", "warn"),
}
LEAST = Size(60, 15)
"""Below this a screen shows one sentence instead of itself."""


class StateMessage(Toned):
    """A sign, what is the case, and what to do about it."""

    def __init__(self, kind: Kind, sentence: str = "", hint: str = "", *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._said = (kind, sentence, hint)

    def say(self, kind: Kind, sentence: str, hint: str = "") -> None:
        """Says something else."""
        if (kind, sentence, hint) != self._said:
            self._said = (kind, sentence, hint)
            self.refresh(layout=True)

    def render(self) -> Text:
        kind, sentence, hint = self._said
        sign, tone = SIGNS[kind]
        words = Text(f"{sign} ", self.tone(tone)) + block(sentence or "Loading …")
        return words if not hint else words + Text("\n    ") + block(hint, self.tone("muted"))


def too_small(size: Size) -> str | None:
    """A sentence when a terminal is too small to work in, or None."""
    if size.width >= LEAST.width and size.height >= LEAST.height:
        return None
    return f"This terminal is {size.width}×{size.height}. Make it at least {LEAST.width}×{LEAST.height}."
