"""The thread of a running engine that sends mails; several engines share one outbox.

What sends (templates, SMTP, TLS) is imported in that thread, so no start waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.mail.outbox import CHANNEL
from engine.work.loop import Loop

if TYPE_CHECKING:
    from engine.mail.delivery import Round

_ANSWER_S = 15.0  # more for a mail that the server has, and whose answer is all that is missing


class Sender:
    """Start it with the engine, stop it with the engine; `finish` sends what is due and then ends."""

    def __init__(self) -> None:
        self._loop = Loop(CHANNEL, self._check)
        self._round: Round | None = None

    def start(self) -> None:
        """Begin to send."""
        self._loop.start()

    def finish(self, within: float) -> bool:
        """Send what is due now, then end; True when that was done within that time."""
        return self._loop.finish(within) or self._answered()

    def stop(self, timeout: float) -> bool:
        """End after the mail that is being sent; True when that was in time."""
        return self._loop.stop(timeout) or self._answered()

    def _answered(self) -> bool:
        handed_over = self._round is not None and self._round.handed_over
        return handed_over and self._loop.join(_ANSWER_S)

    def _check(self) -> float:
        from engine.mail.delivery import Round

        if self._round is None:
            self._round = Round(self._loop.stopping.is_set)
        return self._round.send_due()
