"""A browser that opens links to noVNC consoles, one request at a time."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, field

from websockets.sync.client import ClientConnection, connect

from engine.proxmox.console import SILENT


def path_of(link: str) -> str:
    return link[link.index("/open/") :]


class Hands:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Got:
    """One answer of the proxy."""

    status: int
    text: str
    headers: dict[str, str]


@dataclass
class Browser:
    """What a browser does, one request at a time."""

    port: int
    source: str = "127.0.0.1"
    host: str = ""
    seen: list[Got] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> Got:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(self.source, 0))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        line.request("GET", path, headers={"Host": self.host or f"127.0.0.1:{self.port}", **sent})
        answer = line.getresponse()
        found = Got(answer.status, answer.read().decode(), {k.lower(): v for k, v in answer.getheaders()})
        line.close()
        self.seen.append(found)
        return found

    def open(self, link: str) -> str:
        """Opens a link; the key of its page."""
        got = self.get(path_of(link))
        assert got.status == 200, got
        found = re.search(r'data-key="([\w-]+)"', got.text)
        assert found
        return found[1]

    def seat(self, key: str) -> dict[str, str]:
        """Trades a page's key for a seat."""
        got = self.get("/ticket", X_Kvmtui_Key=key)
        assert got.status == 200, got
        found: dict[str, str] = json.loads(got.text)
        return found

    def take(self, seat: str, origin: str = "", host: str = "127.0.0.1") -> ClientConnection:
        """Takes a seat, as the page does."""
        here = f"http://{host}:{self.port}"
        return connect(
            f"ws://{host}:{self.port}/stream",
            origin=origin or here,  # type: ignore[arg-type]
            subprotocols=["binary", f"seat.{seat}"],  # type: ignore[list-item]
            proxy=None,
            source_address=(self.source, 0),
            logger=SILENT,
        )
