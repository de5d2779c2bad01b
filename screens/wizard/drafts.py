"""What was typed into a form that was left: it is there again when the form is opened, secrets excepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from screens.common.memory import Memory

NAME = "wizard drafts"


class Draft:
    """The answers to one form that were given and not saved yet; kept where the console keeps its notes."""

    def __init__(self, memory: Memory, name: str) -> None:
        self._memory, self._name = memory, name

    def over(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values a form opens with: those given here, and over them what was typed before."""
        typed = self._all().get(self._name)
        return {**values, **typed} if isinstance(typed, dict) else dict(values)

    def keep(self, typed: Mapping[str, object]) -> None:
        """Keeps what was typed; nothing at all forgets it."""
        others = {name: each for name, each in self._all().items() if name != self._name}
        self._memory.keep(NAME, {**others, self._name: dict(typed)} if typed else others)

    def _all(self) -> dict[str, Any]:
        return self._memory.of(NAME)
