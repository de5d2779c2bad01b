"""The questions the console asks before it does something, each answered from the keyboard.

if await self.app.push_screen_wait(Confirm("Reboot VM 2002?", danger=True)): ...
if await self.app.push_screen_wait(TypeName("Terminate service 5546?", "5546", ("The VM is deleted.",))): ...
state = await self.app.push_screen_wait(Choose("Reset VM 2002", (Choice("ready", "All is well."),)))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from screens.common.text import block, pasteable, plain, text
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.rule import TitledRule
from screens.widgets.table import Table
from screens.widgets.text_line import TextLine
from screens.widgets.textual_screen import TextualScreen
from screens.widgets.toned import Toned

Answer = TypeVar("Answer")


class Dialog(TextualScreen[Answer], ModalScreen[Answer], Generic[Answer]):
    """A title, a body and a line that says which keys answer, between two rules."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", show=False)]

    def __init__(self, title: str, keys: str, danger: bool = False) -> None:
        super().__init__(classes="danger" if danger else "")
        self._title = title
        self._keys = keys

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield TitledRule(
                self._title, "error" if self.has_class("danger") else "busy", classes="dialog-title"
            )
            yield from self.body()
            yield Static(text(self._keys), classes="dialog-keys")
            yield TitledRule(classes="dialog-end")

    def body(self) -> Iterable[Widget]:
        """The widgets between the title and the keys."""
        return ()

    def action_leave(self) -> None:
        """Leaves without an answer."""
        self.dismiss(None)


class Notice(Dialog[None]):
    """Something to read, as long as it may be."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, title: str, words: str, *, danger: bool = False) -> None:
        super().__init__(title, "y copies · ↑ ↓ scroll · esc closes", danger)
        self._words = words

    def action_copy(self) -> None:
        """Copies what is to be read, one safe line after the other."""
        self.app.copy_to_clipboard("\n".join(pasteable(line) for line in self._words.split("\n")))
        self.notify("It is on the clipboard.", markup=False, timeout=2)

    def body(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(block(self._words, most=2_000)), classes="dialog-body")


class Confirm(Dialog[bool]):
    """Yes or no; no is where enter would land."""

    AUTO_FOCUS = "#no"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n", "answer(False)", "No", show=False),
        Binding("left,right", "app.focus_next", "Other", show=False),
    ]

    def __init__(self, question: str, details: str = "", *, yes: str = "Yes", danger: bool = False) -> None:
        super().__init__(question, f"y {yes} · n or esc No", danger)
        self._details, self._yes = details, yes

    def body(self) -> Iterable[Widget]:
        if self._details:
            yield VerticalScroll(Static(block(self._details)), classes="dialog-body")
        yield Horizontal(
            Button(Content("No"), id="no", compact=True),
            Button(Content(plain(self._yes)), id="yes", compact=True),
            classes="dialog-buttons",
        )

    def action_answer(self, answer: bool) -> None:
        """Answers the question."""
        self.dismiss(answer)

    def action_leave(self) -> None:
        self.dismiss(False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")


class TypeName(Dialog[bool]):
    """For what cannot be undone: the name must be typed before it is done."""

    AUTO_FOCUS = "Input"

    def __init__(self, question: str, name: str, consequences: Sequence[str] = ()) -> None:
        super().__init__(question, f"type {plain(name)} and press enter · esc cancels", danger=True)
        self._name_to_type = name
        self._consequences = tuple(consequences)

    def body(self) -> Iterable[Widget]:
        if self._consequences:
            said = "\n".join(f"- {plain(each)}" for each in self._consequences)
            yield VerticalScroll(Static(block(said)), classes="dialog-body")
        yield TextLine(placeholder=plain(self._name_to_type), compact=True)
        yield Static("", classes="dialog-error", markup=False)

    def action_leave(self) -> None:
        self.dismiss(False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip() == plain(self._name_to_type).strip():
            self.dismiss(True)
        else:
            self.query_one(".dialog-error", Static).update(text("That is not the name; nothing was done."))


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One thing that will be created (+), changed (~), removed (-) or left as it is (=)."""

    sign: str
    words: str


_TONE_OF_SIGN = {"+": "ok", "~": "warn", "-": "error", "=": "muted"}


class _PlanLines(Toned):
    def __init__(self, lines: Sequence[PlanLine]) -> None:
        super().__init__(classes="plan-lines")
        self._lines = tuple(lines)

    def render(self) -> Text:
        rows = [
            self.toned((f"{line.sign} {line.words}", _TONE_OF_SIGN.get(line.sign, "")))
            for line in self._lines
        ]
        return Text("\n").join(rows)


class PlanDialog(Confirm):
    """What will change, line by line, before it changes."""

    def __init__(self, title: str, lines: Sequence[PlanLine], *, yes: str = "Do it", note: str = "") -> None:
        """`note` is what follows from the whole, such as that a VM is restarted for it."""
        self._lines, self._note = tuple(lines), note
        super().__init__(title, yes=yes, danger=any(line.sign == "-" for line in lines))

    def body(self) -> Iterable[Widget]:
        if self._note:
            yield Static(text(f"! {self._note}"), classes="dialog-note")
        yield VerticalScroll(_PlanLines(self._lines), classes="dialog-body")
        yield Static(text(self._summary()), classes="dialog-sum")
        yield from super().body()

    def _summary(self) -> str:
        names = {"+": "to create", "~": "to change", "-": "to remove", "=": "as they are"}
        counted = {sign: sum(line.sign == sign for line in self._lines) for sign in names}
        return (
            " · ".join(f"{number} {names[sign]}" for sign, number in counted.items() if number) or "Nothing."
        )


_SHORT = 48
"""A use of this length fits into a row at 80 columns."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to choose, with a one-line explanation."""

    value: str
    use: str
    tone: str = ""


class Choose(Dialog[str]):
    """One value out of a table of values and their uses; None when it was left."""

    AUTO_FOCUS = "Table"

    def __init__(
        self, title: str, choices: Sequence[Choice], *, danger: bool = False, legend: str = ""
    ) -> None:
        super().__init__(title, "enter chooses · ↑ ↓ moves · esc cancels", danger)
        self._legend = legend
        width = min(max(len("Value"), *(len(choice.value) for choice in choices)), 32)
        columns = (Column("value", "Value", width), Column("use", "What it is for", 20, grow=True))
        self._table = Table(columns, noun="choices", empty="There is nothing to choose.")
        self._table.styles.height = len(choices) + 2
        self._uses = {each.value: each.use for each in choices}
        self._whole = Static("", classes="choice-use", markup=False)
        self._table.show([TableRow(each.value, (Cell(each.value, each.tone), each.use)) for each in choices])

    def body(self) -> Iterable[Widget]:
        yield self._table
        if max(map(len, self._uses.values()), default=0) > _SHORT:
            yield self._whole
        if self._legend:
            yield Static(text(self._legend), classes="choice-legend")

    def on_grid_highlighted(self, message: Table.Highlighted) -> None:
        """Shows in full what the choice under the cursor is for, which its row may cut."""
        self._whole.update(text(self._uses.get(str(message.key), "")))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.dismiss(str(message.key))
