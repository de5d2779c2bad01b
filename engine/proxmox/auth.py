"""What proxmoxer puts on each request: the current ticket, or the API token."""

from __future__ import annotations

from typing import Any

from proxmoxer.backends.https import ProxmoxHTTPApiTokenAuth, ProxmoxHTTPAuthBase
from requests.cookies import cookiejar_from_dict

from .access import ServerAccess
from .login import Ticket


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
