"""Messages that pass, in one place: a toast is one short line, whatever is longer is a dialog that stays.

A dialog never comes up over another one, where it would take keys that were typed for it: it waits until those are
closed. A long message that comes again soon after its dialog is a toast, cut to one line.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.notifications import SeverityLevel

from screens.common.text import clamp

if TYPE_CHECKING:
    from screens.widgets.dialogs import Notice

ONE_LINE = 76
"""Cells of a toast: one line at 80 columns."""
AGAIN_SECONDS = 60.0
_REMEMBERED = 100
TITLES = {"information": "Done", "warning": "Not done", "error": "Failed"}


class Toasts(App[int]):
    """An app whose messages are short enough to be read before they vanish, or stay."""

    def __init__(self, **app: Any) -> None:
        super().__init__(**app)
        self._waiting_notices: deque[Notice] = deque()
        self._shown_at: dict[str, float] = {}

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,
    ) -> None:
        """Shows a message as a toast if it is one line of at most `ONE_LINE` cells, else as a dialog."""
        line = clamp(message, ONE_LINE)
        if line == message or monotonic() - self._shown_at.get(message, -AGAIN_SECONDS) < AGAIN_SECONDS:
            super().notify(line, title=title, severity=severity, timeout=timeout, markup=False)
            return
        from screens.widgets.dialogs import Notice  # not needed for the first paint

        if len(self._shown_at) >= _REMEMBERED:
            self._shown_at.clear()
        self._shown_at[message] = monotonic()
        self._waiting_notices.append(Notice(title or TITLES[severity], message, danger=severity == "error"))
        self._show_notice()

    async def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self._show_notice)

    def _show_notice(self, _: object = None) -> None:
        """Shows the next dialog that waits, once no other is open."""
        if self._waiting_notices and len(self.screen_stack) == 1:
            self.push_screen(self._waiting_notices.popleft())
