"""Starts the HTTP API for `kvmtui api` and for the daemon; FastAPI is imported here and nowhere before."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.errors import Refused
from kvmtui import config, systemd
from kvmtui.api.settings import DEFAULT, ApiSettings

if TYPE_CHECKING:
    from kvmtui.api.serving import ApiServer

_M_ARENA_MAX = -8  # of <malloc.h>
_SWITCH_S = 0.001
"""A short request waits no longer for the interpreter while a long one is worked on; Python's own value is 5 ms."""
_MISSING = "The HTTP API is not installed; run in the checkout: pip install '.[api]'"


def server(settings: ApiSettings, listen: str, say: Callable[[str], None]) -> ApiServer:
    """A server for the open site that has its socket; refused where tokens would cross the network in clear."""
    wanted = listen or settings.listen or DEFAULT
    try:
        settings.refuse_clear(wanted)
    except ValueError as error:
        raise Refused(f"The API was not started: {error}.") from None
    try:
        from kvmtui.api.serving import ApiServer
    except ImportError as error:
        raise Refused(_MISSING) from error
    return ApiServer(settings, wanted, say)


def serve(listen: str) -> int:
    """Serve until SIGTERM or SIGINT."""
    _share_one_heap()
    sys.setswitchinterval(_SWITCH_S)
    from engine.store import drivers

    site = config.load()
    drivers.needed_by(site.database)
    from kvmtui.stdout import Stdout

    config.open_site(site)
    try:
        return _served(server(site.api, listen, Stdout()), Stdout())
    finally:
        config.close_site()


def _share_one_heap() -> None:
    """Let the threads share one heap: glibc gives each its own, and what one frees there the others cannot use."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _served(api: ApiServer, say: Callable[[str], None]) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    api.start()
    say(f"kvmtui API listens on {api.url}")
    systemd.notify("READY=1")
    every = systemd.watchdog_seconds()
    # in short waits: a signal that comes right before one does not interrupt it
    while not stop.wait(min(every or 1.0, 1.0)):
        if every:
            systemd.notify("WATCHDOG=1")
    systemd.notify("STOPPING=1")
    ended = api.stop()
    say("kvmtui API ended" if ended else "kvmtui API ended; some connections were cut")
    return 0
