"""What every Textual screen of the console shares: its widgets are styled when they are mounted, and not once more.

Textual styles all widgets of a screen again whenever the screen comes to the front. A dialog has just mounted them,
and nothing styles them differently while another dialog is on top.
"""

from __future__ import annotations

from textual.events import ScreenResume


class StyledOnce:
    """Comes before `Screen` in the bases of a class."""

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Runs before Textual's own handler."""
        event.refresh_styles = False
