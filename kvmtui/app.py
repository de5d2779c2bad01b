"""`kvmtui`: the console. It checks the terminal, opens the site, and ends with terminal and engine in order.

The engine of this process starts after the first useful paint, and only when no daemon has a current heartbeat.
Until then nothing is imported that the paint does not need, and garbage collection is off: a start makes no garbage.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import kvmtui
from engine.errors import Failed, Refused

if TYPE_CHECKING:
    from textual.driver import Driver

    from engine.running import Running
    from kvmtui.config import Config
    from screens.shell.console import Console, Setup

PARK_SECONDS = 4.0
FRAMES = "120"
"""Frames per second at most: changes appear 4 ms sooner than with Textual's 60, at no extra bytes."""
ENDED = "The console ended unexpectedly. Running tasks continue with the next engine. Start kvmtui again."
LOST = "The console lost its terminal and ended. Running tasks continue with the next engine. Start kvmtui again."
SIGNED_IN = "KVMTUI_WEB_SIGN_IN"
"""The variable in which `kvmtui web` says which token signed in."""
log = logging.getLogger(__name__)
_ENDS = (signal.SIGTERM, signal.SIGHUP)


def run(
    read_only: bool = False, low_bandwidth: bool = False, make: Callable[[Setup], Console] | None = None
) -> int:
    """Show the console until the operator leaves or the terminal is gone; `make`: another one than the usual."""
    refuse_terminal(os.environ, sys.stdin, sys.stdout)
    gc.disable()
    os.environ.setdefault("TEXTUAL_FPS", FRAMES)
    from engine.roles import Role
    from engine.store import drivers
    from kvmtui import config
    from kvmtui.terminal import open_site as verbs

    site = config.load()
    drivers.needed_by(site.database)  # before the role is checked, which imports the store
    config.use_operators(site)
    signed_in = os.environ.pop(SIGNED_IN, "") if in_browser(os.environ) else ""
    if not signed_in:
        verbs.need(Role.VIEWER, "open the console")
    config.open_site(site)
    try:
        if signed_in:
            _act_for_token(signed_in)
        return show(site, read_only, low_bandwidth or site.low_bandwidth, make)
    finally:
        gc.enable()
        config.close_site()


def _act_for_token(signed_in: str) -> None:
    """Act for the token that signed in to `kvmtui web`."""
    from engine import operators
    from engine.actions.token_sign_in import SignedIn

    operators.act_for(SignedIn(signed_in))


def in_browser(environment: Mapping[str, str]) -> bool:
    """Whether `kvmtui web` shows this console, not a terminal."""
    return environment.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")


def refuse_terminal(environment: Mapping[str, str], *streams: TextIO) -> None:
    """Refuse what cannot show a console, and say what works there instead."""
    if in_browser(environment):
        return
    instead = "The command line works anywhere; `kvmtui --help` shows it."
    if not all(stream.isatty() for stream in streams):
        raise Refused(f"The console needs a terminal for its input and output. {instead}")
    if environment.get("TERM", "") in ("", "dumb"):
        raise Refused(f"This terminal (TERM={environment.get('TERM', '')}) cannot show a console. {instead}")


def show(
    site: Config, read_only: bool, low_bandwidth: bool, make: Callable[[Setup], Console] | None = None
) -> int:
    """Run the console over an open site; its exit status."""
    from kvmtui.config import theme_folder
    from screens.common.memory import Memory
    from screens.shell import themes
    from screens.shell.console import Console, Setup

    sys.setswitchinterval(0.0005)  # a busy engine thread must not make a key wait
    appearance = themes.choose(site.theme or "dark", low_bandwidth=low_bandwidth)
    engine = OwnEngine(read_only)
    console = (make or Console)(
        Setup(
            site=site.site_name,
            appearance=appearance,
            theme_folder=theme_folder(site),
            keys=site.keymap,
            read_only=read_only,
            memory=Memory(state_file(site)),
            owner=lambda: engine.owner,
            ready=partial(_begin, engine),
            signals=_ENDS,
            driver=_driver(),
        )
    )
    try:
        status = console.run(mouse=appearance.mouse)
    finally:
        engine.stop()
    if console.terminal_lost:
        log.error("The console lost its terminal and ended")
        raise Failed(LOST)
    if not console.left and not console.return_code:
        log.error("The console ended without being asked to")
        raise Failed(ENDED)
    return int(console.return_code or 0) if status is None else int(status)


def _driver() -> type[Driver]:
    if in_browser(os.environ):
        from screens.shell.browser_driver import BrowserDriver

        return BrowserDriver
    from screens.shell.terminal_driver import TerminalDriver

    return TerminalDriver


def _begin(engine: OwnEngine) -> None:
    """After the first useful paint: what is there by now stays, and is no business of the collector any more."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
    engine.start()


def state_file(site: Config) -> Path:
    """Where the console remembers how its lists were looked at."""
    return (site.home or site.log_file.parent) / "console.json"


class OwnEngine:
    """The engine inside this console, when no daemon does the work."""

    def __init__(self, read_only: bool) -> None:
        self._read_only = read_only
        self._running: Running | None = None
        self._ended = False
        self._lock = threading.Lock()

    @property
    def owner(self) -> str:
        """Its name among the workers; empty while it does not work."""
        return self._running.owner if self._running is not None else ""

    def start(self) -> None:
        """Begin to work, unless a daemon does, or this console may change nothing."""
        if self._read_only:
            return
        from engine.queries.engines import engines
        from engine.running import Running

        with self._lock:
            if self._ended or self._running is not None:
                return
            if any(each.kind == "daemon" for each in engines()):
                return
            running = Running("console", kvmtui.__version__)
            running.start()
            self._running = running

    def stop(self) -> None:
        """Park everything; what a call cannot finish in time is settled by the next engine."""
        with self._lock:
            self._ended = True
            if self._running is not None:
                self._running.stop(PARK_SECONDS)
                self._running = None
