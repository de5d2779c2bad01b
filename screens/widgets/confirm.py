"""The question before a VM is stopped, suspended, changed or deleted: what, how many, which, and why.

agreed = await self.app.push_screen_wait(Sure("Suspend 2 VMs?", verb="suspend", word="2", reason=True))
if agreed is not None: ...  # agreed.reason is what was typed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.common.text import block, plain, text
from screens.widgets.dialogs import Dialog
from screens.widgets.text_line import TextLine

MOST_NAMES = 200
"""Names that are listed; more than that nobody reads."""
_WHY = "reason, kept in the audit log (optional)"


@dataclass(frozen=True, slots=True)
class ConfirmAnswer:
    """The operator agreed, and said why."""

    reason: str = ""


class ConfirmVms(Dialog[ConfirmAnswer]):
    """Asks by damage: enter, or the typed name, or the typed number of VMs. None when it was left."""

    AUTO_FOCUS = "Input, VerticalScroll"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "agree", "Do it", show=False),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]

    def __init__(
        self,
        question: str,
        *,
        verb: str,
        names: Sequence[str] = (),
        consequences: Sequence[str] = (),
        word: str = "",
        reason: bool = False,
    ) -> None:
        """`word` must be typed; without one, enter is enough. `reason` asks why."""
        first = f"type {plain(word)}, then enter: {verb}" if word else f"enter {verb}"
        tab = " · tab reason" if word and reason else ""
        super().__init__(question, f"{first}{tab} · esc cancels", danger=bool(word))
        self._names, self._consequences = tuple(names), tuple(consequences)
        self._word = word
        self._word_line = TextLine(placeholder=plain(word), compact=True, id="word")
        self._reason_line = TextLine(placeholder=_WHY, compact=True, id="reason")
        self._asks_reason = reason
        self._error = Static("", classes="dialog-error", markup=False)

    def body(self) -> Iterable[Widget]:
        said = [f"- {plain(each)}" for each in self._consequences]
        if self._names:
            shown = [f"  {plain(each)}" for each in self._names[:MOST_NAMES]]
            more = len(self._names) - len(shown)
            said += ["", *shown, *([f"  … and {more} more"] if more else [])][0 if said else 1 :]
        if said:
            typed = bool(self._word) or self._asks_reason
            text_of = Static(block("\n".join(said), most=2_000))
            yield VerticalScroll(text_of, classes="dialog-body", can_focus=not typed)
        if self._word:
            yield self._word_line
        if self._asks_reason:
            yield self._reason_line
        yield self._error

    def action_agree(self) -> None:
        """Agrees, once the word was typed."""
        if self._word and self._word_line.value.strip() != plain(self._word).strip():
            self._error.update(text(f"Type {plain(self._word)} to confirm. Nothing was done."))
            self._word_line.focus()
            return
        self.dismiss(ConfirmAnswer(" ".join(self._reason_line.value.split())))

    def action_page(self, by: int) -> None:
        """Scrolls the names."""
        for each in self.query(VerticalScroll):
            each.scroll_relative(y=by * each.size.height, animate=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_agree()
