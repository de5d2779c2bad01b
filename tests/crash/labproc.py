"""The simulated cluster in a process of its own, so that an engine beside it can be killed at any moment."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from typing import Any

from kvmtui.lab import serve
from tests.forks import FORKS, end_with_parent


@dataclass
class LabProcess:
    """How to reach the cluster, and its control endpoint to inspect it and inject faults."""

    port: int
    token_id: str
    token_secret: str
    fingerprint: str

    def get(self, what: str) -> Any:
        """What the cluster holds: guests, volumes, effects, tasks."""
        return self._call(what, None)

    def do(self, verb: str, **body: Any) -> Any:
        """Steer it: faults, foreign, nodes."""
        return self._call(verb, body)

    def guests(self, lowest: int = 5000) -> dict[int, dict[str, Any]]:
        """The guests from a number on."""
        return {one["vmid"]: one for one in self.get("guests") if one["vmid"] >= lowest}

    def effects(self, action: str, vmid: int) -> int:
        """How often something was done to a guest."""
        return sum(one["action"] == action and one["vmid"] == vmid for one in self.get("effects"))

    def foreign(self) -> dict[int, dict[str, Any]]:
        """What was there before us, without what changes by itself."""
        kept = ("name", "description", "config", "lock", "node", "volumes")
        return {
            one["vmid"]: {key: one[key] for key in kept} for one in self.get("guests") if one["vmid"] < 5000
        }

    def _call(self, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        url = f"https://127.0.0.1:{self.port}/lab/{path}"
        with urllib.request.urlopen(
            urllib.request.Request(url, data), context=_any_certificate(), timeout=30
        ) as answer:
            return json.load(answer)


@cache
def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def running(speed: float = 400.0) -> Iterator[LabProcess]:
    """Serve a cluster until the block ends."""
    lines, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=_serve, args=(speed, there), daemon=True)
    process.start()
    there.close()
    reported: dict[str, str] = {}
    while not (line := lines.recv()).startswith("Stop it"):
        name, _, value = line.strip().partition("  ")
        reported[name.strip()] = value.strip()
    token_id, _, token_secret = reported["Token"].partition("=")
    try:
        yield LabProcess(
            int(reported["URL"].rsplit(":", 1)[1]), token_id, token_secret, reported["Fingerprint"]
        )
    finally:
        process.terminate()
        process.join(20)
        lines.close()


def _serve(speed: float, lines: Connection) -> None:
    end_with_parent()
    serve(speed=speed, say=lines.send)
