"""A guest's serial line: Proxmox's terminal protocol as bytes in and bytes out.

The client names itself by its ticket and receives OK; from then on the guest's bytes come as they are, and ours go
framed: typed bytes, a new size, or a sign of life.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from engine.errors import Failed

if TYPE_CHECKING:
    from engine.proxmox.console import ConsoleStream

GREETING_SECONDS = 10.0
SIGN_OF_LIFE_SECONDS = 30.0  # Proxmox's own client sends one as often
_GREETING = b"OK"


class SerialLine:
    """The serial line of one guest; read in one thread, write in another."""

    def __init__(self, stream: ConsoleStream, name: str, vmid: int) -> None:
        self._stream = stream
        self.name = name
        self.vmid = vmid
        self._early = b""

    def greet(self, user: str, ticket: str) -> None:
        """Takes the seat; Failed when Proxmox does not accept it."""
        self._stream.send(f"{user}:{ticket}\n".encode())
        end = time.monotonic() + GREETING_SECONDS
        seen = b""
        while len(seen) < len(_GREETING):
            try:
                part = self._stream.receive(max(0.0, end - time.monotonic()))
            except (TimeoutError, ConnectionError):
                part = None
            if part is None:
                raise self._not_begun()
            seen += part
        if not seen.startswith(_GREETING):
            raise self._not_begun()
        self._early = seen[len(_GREETING) :]

    def type(self, data: bytes) -> None:
        """Types at the guest; ConnectionError when the line is gone."""
        if data:
            self._stream.send(b"0:%d:%b" % (len(data), data))

    def resize(self, columns: int, rows: int) -> None:
        """Tells the size of the terminal; ConnectionError when the line is gone."""
        if columns > 0 and rows > 0:
            self._stream.send(b"1:%d:%d:" % (columns, rows))

    def sign_of_life(self) -> None:
        """Says that somebody is still there; ConnectionError when the line is gone."""
        self._stream.send(b"2")

    def receive(self) -> bytes | None:
        """What the guest wrote next; None when Proxmox ended it, ConnectionError when the line broke."""
        early, self._early = self._early, b""
        return early or self._stream.receive()

    def close(self) -> None:
        """Hangs up."""
        self._stream.close()

    def _not_begun(self) -> Failed:
        return Failed(
            f"The serial console of {self.name} (VM {self.vmid}) did not begin: Proxmox hung up on its own ticket. "
            "Its task log on the node (vncproxy) says why."
        )
