"""One offered screen on its way: a link, then a page, then a seat, then an open screen; each step works once.

Every step is opened by a secret of 256 random bits of which only the hash is kept here, is valid for seconds, and
is bound to the address the link was opened from.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from engine.errors import KvmtuiError

if TYPE_CHECKING:
    from engine.proxmox.console import ConsoleStream

LINK_SECONDS = 10.0
PAGE_SECONDS = 60.0  # for loading noVNC over a slow tunnel
SEAT_SECONDS = 10.0  # Proxmox waits no longer for its ticket
_LOOK_SECONDS = 0.5

Clock = Callable[[], float]


class ConnectedScreen(Protocol):
    """A screen Proxmox has a seat for."""

    password: str

    def connect(self) -> ConsoleStream:
        """Takes the seat."""

    def close(self, how: str) -> None:
        """Lets go of it; `how` says why."""


class OfferStage(IntEnum):
    """How far an offer has come."""

    LINK = 0
    PAGE = 1
    OPENING = 2
    SEAT = 3
    OPEN = 4
    ENDED = 5


@dataclass(frozen=True, slots=True)
class OfferEnd:
    """How an offer ended, as a sentence; `well` when the operator closed the screen."""

    well: bool
    sentence: str


_UNEXPECTED = "The screen could not be opened: internal error; see the log file of kvmtui."
_LATE = {
    OfferStage.LINK: f"The link was not opened within {LINK_SECONDS:g} seconds. Ask for a new one.",
    OfferStage.PAGE: "The page was opened, but did not ask for its screen in time. Ask for a new link.",
    OfferStage.SEAT: "The page got its ticket, but did not connect in time. Ask for a new link.",
}


class ScreenOffer:
    """One screen, offered to whoever opens its link first."""

    def __init__(self, name: str, get: Callable[[str], ConnectedScreen], clock: Clock) -> None:
        self.name = name
        self.step = OfferStage.LINK
        self.ending: OfferEnd | None = None
        self.screen: ConnectedScreen | None = None
        self._get = get
        self._clock = clock
        self._peer = ""
        self._hash = b""
        self._deadline: float | None = None
        self._changed = threading.Condition()
        self.token = self._next(OfferStage.LINK, LINK_SECONDS)

    def page(self, token: str, peer: str) -> str | None:
        """Opens the link: the key of the page, or None when this is not the link or it is no longer good."""
        with self._changed:
            if not self._opens(OfferStage.LINK, token, peer):
                return None
            self._peer = peer
            return self._next(OfferStage.PAGE, PAGE_SECONDS)

    def ticket(self, key: str, peer: str) -> tuple[str, str] | None:
        """Trades the page's key for a seat: its secret and the screen's password, or None when the key is not good.

        Raises what Proxmox or a guard says; the offer has ended then.
        """
        with self._changed:
            if not self._opens(OfferStage.PAGE, key, peer):
                return None
            self._next(OfferStage.OPENING, None)
        try:
            screen = self._get(peer)
        except BaseException as error:
            self.end(False, error.sentence if isinstance(error, KvmtuiError) else _UNEXPECTED)
            raise
        with self._changed:
            self.screen = screen
            if self.ending is not None:  # the console was closed in between
                screen.close(self.ending.sentence)
                return None
            return self._next(OfferStage.SEAT, SEAT_SECONDS), screen.password

    def seat(self, secret: str, peer: str) -> bool:
        """Takes the seat; False when this is not its secret or it is no longer good."""
        with self._changed:
            if not self._opens(OfferStage.SEAT, secret, peer):
                return False
            self._next(OfferStage.OPEN, None)
            return True

    def end(self, well: bool, sentence: str) -> None:
        """Ends it; the first word counts."""
        with self._changed:
            self._end(well, sentence)

    def now(self) -> OfferStage:
        """How far it has come by now."""
        with self._changed:
            self._over()
            return self.step

    @property
    def seconds_left(self) -> float:
        """How long its next step may still take."""
        return 0.0 if self._deadline is None else max(0.0, self._deadline - self._clock())

    def wait(self) -> OfferEnd:
        """Waits until the screen was closed, or until it was too late to open it."""
        with self._changed:
            while not self._over():
                # a signal that comes right before the wait does not interrupt it
                left = _LOOK_SECONDS if self._deadline is None else self._deadline - self._clock()
                self._changed.wait(min(_LOOK_SECONDS, left))
            assert self.ending is not None
            return self.ending

    def _opens(self, step: OfferStage, secret: str, peer: str) -> bool:
        if self._over() or self.step is not step or (step is not OfferStage.LINK and peer != self._peer):
            return False
        return hmac.compare_digest(_hashed(secret), self._hash)

    def _over(self) -> bool:
        if self.ending is None and self._deadline is not None and self._clock() >= self._deadline:
            self._end(False, _LATE[self.step])
        return self.ending is not None

    def _next(self, step: OfferStage, seconds: float | None) -> str:
        """Goes one step on; the secret that opens the next."""
        secret = secrets.token_urlsafe(32)
        with self._changed:
            self.step, self._hash = step, _hashed(secret)
            self._deadline = None if seconds is None else self._clock() + seconds
            self._changed.notify_all()
        return secret

    def _end(self, well: bool, sentence: str) -> None:
        if self.ending is not None:
            return
        self.ending = OfferEnd(well, sentence)
        self.step, self._hash, self._deadline = OfferStage.ENDED, b"", None
        self._changed.notify_all()
        if self.screen is not None:
            self.screen.close(sentence)


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
