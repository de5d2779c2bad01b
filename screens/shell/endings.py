"""How the console ends when nobody asked it to: signals, a lost terminal, an error of its own, a token that ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import Any

from textual.app import App

from engine.errors import NotAuthenticated
from engine.operators import acts_for_a_token, identity
from screens.shell.terminal_driver import TerminalLost, hung_up

log = logging.getLogger(__name__)


class Endings(App[int]):
    """An app that ends with its terminal restored and a sentence about the reason."""

    def __init__(self, **app: Any) -> None:
        super().__init__(**app)
        self.terminal_lost = False

    def _end_on(self, *signals: signal.Signals) -> None:
        """Makes these signals leave as `q` does, so that the terminal is restored and work is parked."""
        loop = asyncio.get_running_loop()
        for each in signals:
            loop.add_signal_handler(each, self._end_by_signal)

    def _end_by_signal(self) -> None:
        if not self.is_headless and hung_up(sys.__stdin__.fileno()):  # type: ignore[union-attr]
            self.on_terminal_lost()
        else:
            self.exit(0)

    def on_terminal_lost(self, message: TerminalLost | None = None) -> None:
        """Ends the console: nobody sees it any more, and nobody can press a key."""
        if not self.terminal_lost:
            self.terminal_lost = True
            self.exit(1, 1)

    def _fatal_error(self) -> None:
        """After an error of its own: details go to the log file, a sentence to the terminal."""
        error = self._exception
        if isinstance(ended := getattr(error, "error", error), NotAuthenticated):
            self.panic(ended.sentence)
            return
        log.error("The console ended because of an error of its own", exc_info=error)
        kind = type(getattr(error, "error", error)).__name__  # of a worker's error, not of the worker
        self.panic(
            f"The console ended because of an error of its own ({kind}); the log file has the details. "
            "Running tasks continue with the next engine. Start kvmtui again."
        )

    async def still_signed_in(self) -> bool:
        """Whether the token that this console acts for, if any, is still valid; otherwise the console ends."""
        if not acts_for_a_token():
            return True
        try:
            await asyncio.to_thread(identity)
        except NotAuthenticated as error:
            log.warning("The console ended: %s", error.sentence)
            self.exit(0)
            return False
        return True
