"""Carries a screen between a browser and Proxmox until one of them hangs up."""

from __future__ import annotations

import threading
from contextlib import suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from engine.proxmox.console import ConsoleStream


def relay(browser: ServerConnection, stream: ConsoleStream) -> bool:
    """Carries bytes both ways; True when the browser hung up, False when Proxmox did."""
    proxmox_ended = threading.Event()
    pump = threading.Thread(
        target=_to_browser, args=(stream, browser, proxmox_ended), name="screen", daemon=True
    )
    pump.start()
    try:
        with suppress(ConnectionClosed, ConnectionError):
            for message in browser:
                stream.send(message.encode() if isinstance(message, str) else message)
    finally:
        well = not proxmox_ended.is_set()
        stream.close()
        pump.join()
    return well


def _to_browser(stream: ConsoleStream, browser: ServerConnection, proxmox_ended: threading.Event) -> None:
    """In its own thread; however it ends, the browser is not left waiting."""
    try:
        with suppress(ConnectionError):
            while (data := stream.receive()) is not None:
                browser.send(data)
        proxmox_ended.set()
    except ConnectionClosed:
        return
    finally:
        browser.close()
