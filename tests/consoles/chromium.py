"""A real browser without a window, driven over its own debugging line."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

WITHIN = 20.0
NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--no-proxy-server", "--remote-debugging-port=0", "about:blank",
)  # fmt: skip


def program() -> str | None:
    """Where Chromium is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One page of the browser."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._ids = itertools.count(1)
        self.complaints: list[str] = []
        self.received = b""  # over WebSockets
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Goes to an address."""
        self.call("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """What an expression is on the page now."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Waits until an expression is true; what it is."""
        end = time.monotonic() + WITHIN
        while not (found := self.ask(expression)):
            if time.monotonic() > end:
                said = self.ask("document.body && document.body.innerText")
                raise AssertionError(f"never true: {expression}; the page says {said!r}; {self.complaints}")
            time.sleep(0.05)
        return found

    def press(self, key: str) -> None:
        """Presses a key and lets it go."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=f"Key{key.upper()}", text=key)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command to the browser; errors it reports until the response are kept."""
        number = next(self._ids)
        self._line.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            output = json.loads(self._line.recv(timeout=WITHIN))
            self._note(output)
            if output.get("id") == number:
                assert "error" not in output, output
                result: dict[str, Any] = output["result"]
                return result

    def _note(self, output: dict[str, Any]) -> None:
        params = output.get("params", {})
        if output.get("method") == "Network.webSocketFrameReceived" and params["response"]["opcode"] == 2:
            self.received += base64.b64decode(params["response"]["payloadData"])
        if output.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        if output.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"]))


@contextmanager
def running(folder: Path) -> Iterator[Page]:
    """A browser with an empty page, ended with the block."""
    name = program()
    assert name
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    process = subprocess.Popen(
        [name, *_SWITCHES, f"--user-data-dir={folder}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    try:
        with connect(_page(folder, process), max_size=None, proxy=None, compression=None) as line:
            yield Page(line)
    finally:
        process.terminate()
        process.wait(WITHIN)


def _page(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """The debugging line of the browser's first page."""
    output, end = folder / "DevToolsActivePort", time.monotonic() + WITHIN
    while time.monotonic() < end and process.poll() is None:
        if output.exists() and (port := output.read_text().partition("\n")[0]):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=WITHIN) as answer:
                pages = [each for each in json.load(answer) if each["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError(f"the browser did not start (exit {process.poll()})")
