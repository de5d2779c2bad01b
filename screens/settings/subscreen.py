"""A list of records that is opened from Settings, and left to Settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from screens.framework.record_view import shown
from screens.framework.records_screen import RecordsScreen

_TITLE = 18


class SettingsList(RecordsScreen):
    """What Settings leads to."""

    def back(self) -> bool:
        """Clears filter and marks, then goes back to Settings."""
        if not super().back():
            app: Any = self.app
            self.app.run_worker(app.open("settings"), group="go")
        return True


def record_lines(facts: Sequence[tuple[str, object]]) -> list[str]:
    """A record as it is read, a fact per line."""
    return [f"{title:<{_TITLE}} {shown(value)}" for title, value in facts]
