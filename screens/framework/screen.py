"""What every screen of the console is: a widget between the tabs and the footer, not a Textual `Screen`.

A screen is mounted when it is opened and removed when it is left; what must survive is in its `Memory`. It never
polls: `reread` is called for events, and when the operator refreshes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, cast, runtime_checkable

from textual.containers import Vertical
from textual.message import Message

from engine.audit import Actor, current_actor
from screens.common.bindings import ActionMixin
from screens.common.errors import sentence
from screens.common.memory import Memory

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EventBatch:
    """What came over the bus since the last look: kinds of events, and the services they are about."""

    kinds: frozenset[str] = frozenset()
    services: frozenset[int] = frozenset()


@runtime_checkable
class Rereads(Protocol):
    """What receives events: a screen, and a dialog that shows live data."""

    def reread(self, batch: EventBatch | None = None) -> None:
        """Reloads what is shown; None means that the operator requested a full reload."""


def actor(reason: str = "") -> Actor:
    """Who acts through this console, and why."""
    return current_actor("console", reason)


class BaseScreen(ActionMixin, Vertical):
    """A part of the console with a name; `reread` brings it up to date."""

    NAME: ClassVar[str] = ""

    class Shown(Message):
        """The screen shows its data, or why not; deferred work can begin now."""

    async def prepare(self) -> None:
        """Reads what it shows first, before it is mounted."""

    def reread(self, batch: EventBatch | None = None) -> None:
        """Reloads what is shown; None means that the operator requested a full reload."""

    def back(self) -> bool:
        """Goes one step back inside the screen; False when there is none, and the screen itself is left."""
        return False

    def cut_off(self) -> None:
        """Says how old what is shown is: the database does not answer. Called again while that lasts."""

    @property
    def memory(self) -> Memory:
        """What the console remembers."""
        return cast(Memory, cast(Any, self.app).memory)

    async def in_thread(self, work: Callable[[], T]) -> T | None:
        """Runs work outside the UI thread; an error is shown as a sentence, and None is returned.

        It returns only while the screen is open: closing the screen cancels whoever waits.
        """
        found = None
        try:
            found = await asyncio.to_thread(work)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.notify(sentence(error), severity="error", markup=False, timeout=10)
        if not self.display:
            raise asyncio.CancelledError
        return found
