"""The thread of a running engine that sends mails; several engines share one outbox.

What sends (templates, SMTP, TLS) is imported in that thread: no start waits for it.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from engine.mail.outbox import BELL
from engine.work import wake

if TYPE_CHECKING:
    from engine.mail.round import Round

log = logging.getLogger(__name__)
_AFTER_A_FAULT_S = 5.0
_ANSWER_S = 15.0  # more for a mail that the server has, and whose answer is all that is missing


class Sender:
    """Start it with the engine, stop it with the engine; `finish` sends what is due and then ends."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._last_round = threading.Event()
        self._round: Round | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="engine-mail", daemon=True)
            self._thread.start()

    def finish(self, within: float) -> bool:
        """Send what is due now, then end; True when that was done within that time."""
        self._last_round.set()
        self.start()
        return self._end(within)

    def stop(self, timeout: float) -> bool:
        """End after the mail that is on its way; True when that was in time."""
        self._stop.set()
        return self._end(timeout)

    def _end(self, timeout: float) -> bool:
        wake.ring_here(BELL)
        if self._thread is None:
            return True
        self._thread.join(timeout)
        if self._round is not None and self._round.handed_over:
            self._thread.join(_ANSWER_S)
        return not self._thread.is_alive()

    def _run(self) -> None:
        from engine.mail.round import Round

        self._round = Round(self._stop.is_set)
        listener = wake.Listener(BELL)
        try:
            while not self._stop.is_set():
                last = self._last_round.is_set()
                pause = self._once(self._round)
                if last:
                    break
                listener.wait(pause)
        finally:
            listener.close()

    def _once(self, one_round: Round) -> float:
        try:
            return one_round.send_due()
        except Exception:
            log.exception("The mails could not be looked at; trying again shortly")
            return _AFTER_A_FAULT_S
