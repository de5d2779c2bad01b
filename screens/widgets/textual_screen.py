"""What every Textual screen of the console shares.

Its widgets are styled when they are mounted, and not once more: Textual styles all of them again whenever the screen
comes to the front, although nothing styles them differently while another dialog is on top.

A widget that is being removed does not take the focus. Textual moves the focus elsewhere when a removal begins; a
`focus()` that was called before and is carried out after would leave the keys with a widget that no longer exists.
"""

from __future__ import annotations

from textual.events import ScreenResume
from textual.screen import Screen, ScreenResultType
from textual.widget import Widget


class TextualScreen(Screen[ScreenResultType]):
    """Comes first in the bases of a class."""

    def on_screen_resume(self, event: ScreenResume) -> None:
        """Runs before Textual's own handler."""
        event.refresh_styles = False

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Moves the focus, unless the widget is being removed."""
        if widget is None or not widget._pruning:
            super().set_focus(widget, scroll_visible, from_app_focus)
