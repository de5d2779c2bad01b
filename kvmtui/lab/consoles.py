"""Consoles that were requested and wait for their one connection, and open ones."""

from __future__ import annotations

import asyncio
import hmac
import time
from dataclasses import dataclass, field

from fakepve.model import PveError
from fakepve.routing import die

TICKET_SECONDS = 40.0
FIRST_PORT, LAST_PORT = 5900, 5999


@dataclass(slots=True, eq=False)
class Proxy:
    """A requested console that has or waits for its one connection."""

    ticket: str
    user: str
    vmid: int
    port: int
    password: str
    terminal: bool
    issued: float = field(default_factory=time.monotonic)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    size: tuple[int, int] = (80, 24)
    transport: asyncio.BaseTransport | None = None


@dataclass(slots=True)
class Consoles:
    """The consoles waiting for a connection, by port, and the open ones."""

    waiting: dict[int, Proxy] = field(default_factory=dict)
    open: list[Proxy] = field(default_factory=list)

    def free_port(self) -> int:
        """The lowest port nobody waits on."""
        for port in range(FIRST_PORT, LAST_PORT + 1):
            if port not in self.waiting:
                return port
        raise die("unable to find free port (5900-5999)")

    def take(self, port: str, ticket: str, user: str, vmid: int) -> Proxy:
        """The console of that port for the holder of its ticket, once."""
        proxy = self.waiting.get(int(port)) if port.isdigit() else None
        fresh = proxy is not None and time.monotonic() - proxy.issued < TICKET_SECONDS
        if proxy is None or not fresh or proxy.user != user or proxy.vmid != vmid:
            raise PveError(401, "permission denied - invalid PVEVNC ticket")
        if not hmac.compare_digest(proxy.ticket.encode(), ticket.encode()):
            raise PveError(401, "permission denied - invalid PVEVNC ticket")
        del self.waiting[proxy.port]
        proxy.taken.set()
        return proxy

    def cut(self, vmid: int) -> None:
        """Break the lines of a guest's open consoles without a word, as a network does."""
        for proxy in self.open:
            if proxy.vmid == vmid and isinstance(proxy.transport, asyncio.WriteTransport):
                proxy.transport.abort()
