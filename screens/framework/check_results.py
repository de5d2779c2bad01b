"""What a check found, line by line: what is missing first, each with what to do, ready to be copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from screens.common.text import pasteable, plain
from screens.widgets.dialogs import Dialog
from screens.widgets.toned import Toned

_TONES = {"-": "error", "~": "warn", "+": "ok", "=": "muted"}
_SAID = {"-": "to fix", "~": "to review", "+": "passed", "=": "unknown"}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check: `-` failed, `~` warning, `+` passed, `=` unknown; and what to do about it."""

    sign: str
    name: str
    sentence: str
    fix: str = ""


class CheckResultsDialog(Dialog[None]):
    """The findings of a check; `y` copies what is to be done, or everything when nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, title: str, found: Sequence[CheckLine]) -> None:
        order = list(_TONES)
        self._found = sorted(found, key=lambda each: order.index(each.sign))
        fixes = any(each.fix for each in found)
        keys = f"y copies {'what to do' if fixes else 'it'} · ↑ ↓ scroll · esc closes"
        super().__init__(f"{title}: {counted(found)}", keys, danger=any(each.sign == "-" for each in found))

    def body(self) -> Iterable[Widget]:
        yield VerticalScroll(_Lines(self._found), classes="dialog-body")

    def action_copy(self) -> None:
        """Copies the commands and steps that would fix it; every line if there are none."""
        fixes = list(dict.fromkeys(each.fix for each in self._found if each.fix))
        words = fixes or [f"[{each.sign}] {each.name}: {each.sentence}" for each in self._found]
        self.app.copy_to_clipboard("\n".join(pasteable(each) for each in words))
        self.notify("It is on the clipboard.", markup=False, timeout=2)


def counted(found: Sequence[CheckLine]) -> str:
    """How many of each, such as `2 to fix, 11 passed`."""
    counts = {sign: sum(each.sign == sign for each in found) for sign in _SAID}
    return ", ".join(f"{number} {_SAID[sign]}" for sign, number in counts.items() if number) or "nothing"


class _Lines(Toned):
    def __init__(self, found: Sequence[CheckLine]) -> None:
        super().__init__(classes="plan-lines")
        self._found = found

    def render(self) -> Text:
        lines: list[Text] = []
        for each in self._found:
            line = Text(f"[{each.sign}] ", self.tone(_TONES[each.sign]))
            lines.append(line + Text(plain(each.name), "bold") + Text(f": {plain(each.sentence)}"))
            if each.fix:
                lines.append(Text(f"    do: {plain(each.fix)}", self.tone("accent")))
        return Text("\n").join(lines)
