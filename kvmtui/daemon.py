"""`kvmtui --daemon`: the engine alone. It needs no terminal, logs to stdout, and ends cleanly on SIGTERM.

Several daemons on one database share the work; none is refused.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

import kvmtui
from engine.clock import now_ms, stamp
from engine.running import Running
from engine.work import events
from kvmtui import config, systemd
from kvmtui.stdout import Stdout

if TYPE_CHECKING:
    from kvmtui.api.serving import ApiServer

log = logging.getLogger(__name__)
_STOP_WITHIN = 8.0


def run(api: str | None = None) -> int:
    """Work until SIGTERM or SIGINT; SIGHUP reads the configuration again.

    `api` is the ADDRESS:PORT to serve the HTTP API on, empty for the configured one; None serves it only when
    config.toml says so.
    """
    site = config.load()
    config.open_site(site)
    stop, reread = threading.Event(), threading.Event()
    wake_up = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        (reread if number == signal.SIGHUP else stop).set()
        wake_up.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
    say = Stdout()
    served = _api(site, api, say)
    running = Running("daemon", kvmtui.__version__, say=say)
    follower = events.Follower()
    running.start()
    say(f"{stamp(now_ms())} kvmtui {kvmtui.__version__} daemon started ({running.owner})")
    if served is not None:
        served.start()
        say(f"{stamp(now_ms())} kvmtui API listens on {served.url}")
    systemd.notify("READY=1")
    _follow(follower, say, stop, reread, wake_up)
    systemd.notify("STOPPING=1")
    if served is not None:
        served.stop()
    ended = running.stop(_STOP_WITHIN)
    say.events(follower.read())
    how = "everything is parked" if ended else "some calls were cut short; the next engine settles them"
    say(f"{stamp(now_ms())} kvmtui daemon ended: {how}")
    return 0


def _api(site: config.Config, listen: str | None, say: Stdout) -> ApiServer | None:
    if listen is None and not site.api.listen:
        return None
    from kvmtui.terminal.api import server

    return server(site.api, listen or "", say)


def _follow(
    follower: events.Follower,
    say: Stdout,
    stop: threading.Event,
    reread: threading.Event,
    wake_up: threading.Event,
) -> None:
    """Print events as they come, keep systemd content, read the configuration again on request."""
    every = systemd.watchdog_seconds()
    fed = time.monotonic()
    while not stop.is_set():
        try:
            say.events(follower.wait(0.5))
        except Exception:
            log.exception("The events could not be read; trying again shortly")
            wake_up.wait(1.0)
        if every and time.monotonic() - fed >= min(every, 5.0):
            systemd.notify("WATCHDOG=1")
            fed = time.monotonic()
        if reread.is_set():
            reread.clear()
            config.reread(config.load())
            say(f"{stamp(now_ms())} kvmtui configuration read again")
