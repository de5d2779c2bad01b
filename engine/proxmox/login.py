"""The two ways to log in: an API token, or a user with a password whose ticket is renewed before and after it dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from proxmoxer.backends.https import ProxmoxHTTPApiTokenAuth, ProxmoxHTTPAuthBase
from requests.cookies import cookiejar_from_dict

from engine import redact

from .access import ServerAccess

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


class TicketAuth(ProxmoxHTTPAuthBase):
    """Puts the current ticket on every request, and the CSRF token on those that change something."""

    def __init__(self) -> None:
        super().__init__()
        self.ticket: Ticket | None = None

    def get_cookies(self) -> Any:
        return cookiejar_from_dict({"PVEAuthCookie": self.ticket.ticket} if self.ticket else {})

    def __call__(self, req: Any) -> Any:
        if self.ticket and req.method != "GET":
            req.headers["CSRFPreventionToken"] = self.ticket.csrf
        return req

    def headers(self) -> dict[str, str]:
        """The same proof for a websocket."""
        return {"Cookie": f"PVEAuthCookie={self.ticket.ticket}"} if self.ticket else {}


class TokenAuth(ProxmoxHTTPApiTokenAuth):
    """Puts the API token on every request."""

    def headers(self) -> dict[str, str]:
        """The same proof for a websocket."""
        return {"Authorization": f"PVEAPIToken={self.username}!{self.token_name}={self.token_value}"}


def auth_for(access: ServerAccess) -> TicketAuth | TokenAuth:
    """What signs the requests of one session."""
    token = access.token_parts()
    if token is None:
        return TicketAuth()
    user, name = token
    return TokenAuth(user, name, access.token_secret)
