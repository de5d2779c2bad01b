"""What signs each request: the current ticket, or the API token."""

from __future__ import annotations

from .access import ServerAccess
from .login import Ticket


class TicketAuth:
    """Puts the current ticket on every request, and the CSRF token on those that change something."""

    def __init__(self) -> None:
        self.ticket: Ticket | None = None

    def headers(self, *, changing: bool = False) -> dict[str, str]:
        """The headers of a request, or of a websocket."""
        if self.ticket is None:
            return {}
        cookie = {"Cookie": f"PVEAuthCookie={self.ticket.ticket}"}
        return {**cookie, "CSRFPreventionToken": self.ticket.csrf} if changing else cookie


class TokenAuth:
    """Puts the API token on every request."""

    def __init__(self, token_id: str, secret: str) -> None:
        self._headers = {"Authorization": f"PVEAPIToken={token_id}={secret}"}

    def headers(self, *, changing: bool = False) -> dict[str, str]:
        """The same for every request: a token needs no CSRF token."""
        return self._headers


def auth_for(access: ServerAccess) -> TicketAuth | TokenAuth:
    """What signs the requests of one session."""
    return TokenAuth(access.token_id, access.token_secret or "") if access.token_id else TicketAuth()
