"""The two ways to log in: an API token, or a user with a password whose ticket is renewed before and after it dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from engine import redact

RENEW_AFTER = 3600.0  # a ticket is valid for two hours


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a password login gives."""

    ticket: str = field(repr=False)
    csrf: str = field(repr=False)
    born: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        redact.register(self.ticket)
        redact.register(self.csrf)


class Login:
    """The ticket of one server, shared by all threads: when it dies, one thread logs in and the others use it."""

    def __init__(self, user: str, password: str) -> None:
        self.user = user
        self.password = password
        self._lock = threading.Lock()
        self._ticket: Ticket | None = None

    def ticket(self, ask: Callable[[], Ticket]) -> Ticket:
        """A ticket that should be alive, asking for a new one when there is none."""
        with self._lock:
            if self._ticket is None or time.monotonic() - self._ticket.born > RENEW_AFTER:
                self._ticket = ask()
            return self._ticket

    def bury(self, ticket: Ticket) -> None:
        """This ticket was refused; unless another thread has a newer one, the next call logs in again."""
        with self._lock:
            if self._ticket is ticket:
                self._ticket = None
