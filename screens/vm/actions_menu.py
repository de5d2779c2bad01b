"""The actions menu of a VM: every action under one letter, with the reason where one cannot work now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget

from screens.common.actions import MENU_LETTERS
from screens.common.bindings import ActionMixin, action, refused
from screens.framework.commands import Commands
from screens.help.available import available
from screens.widgets.dialogs import Dialog
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.table import Table

COLUMNS = (
    Column("letter", "", 2),
    Column("action", "Action", 14),
    Column("does", "What it does, or why not now", 30, grow=True),
)


AROUND = 5
"""Lines of the dialog besides its list."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An action, who carries it out, and why it cannot work now."""

    letter: str
    node: ActionMixin
    id: str
    why: str | None


class ActionsMenu(Dialog[str]):
    """Answers with the id of the chosen action."""

    AUTO_FOCUS = "Table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(letter, f"letter({letter!r})", show=False, priority=True) for letter in MENU_LETTERS.values()
    ]

    def __init__(self, title: str, entries: Sequence[MenuEntry]) -> None:
        super().__init__(title, "a letter, or ↑ ↓ and enter, chooses · esc cancels")
        self._entries = {each.id: each for each in entries}
        self._table = Table(COLUMNS, noun="actions")
        self._table.show([_row(each) for each in entries])

    def body(self) -> Iterable[Widget]:
        yield self._table

    def on_resize(self) -> None:
        """The list scrolls where the screen has no room for all of it, so that the keys stay in view."""
        self._table.styles.height = min(len(self._entries) + 2, max(5, self.size.height - AROUND))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self._choose(self._entries[str(message.key)])

    def action_letter(self, letter: str) -> None:
        """Chooses by letter; the letters come before the keys of the table."""
        found = next((each for each in self._entries.values() if each.letter == letter), None)
        if found is not None:
            self._choose(found)

    def _choose(self, entry: MenuEntry) -> None:
        if entry.why is None:
            self.dismiss(entry.id)
        else:
            entry.node.say_refusal(action(entry.id), entry.why)


async def choose(commands: Commands) -> None:
    """Shows the menu for the chosen VMs, and carries out the chosen action on exactly these."""
    chosen = commands.chosen()
    if not chosen:
        commands.one()
        return
    title = await commands.name_of(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} VMs"
    nodes = {each.id: node for node, each in available(commands.screen)}
    entries = [
        MenuEntry(letter, nodes[ident], ident, refused(nodes[ident], action(ident)))
        for ident, letter in MENU_LETTERS.items()
        if ident in nodes
    ]
    ident = await commands.app.push_screen_wait(ActionsMenu(title, entries))
    if ident is None:
        return
    node = nodes[ident]
    if isinstance(node, Commands):
        with node.on(chosen):
            await node.ask(ident)


def _row(entry: MenuEntry) -> TableRow:
    does = action(entry.id)
    tone = "muted" if entry.why else "error" if does.destructive else ""
    return TableRow(
        entry.id,
        (
            Cell(entry.letter, "muted" if entry.why else "accent"),
            Cell(does.label, tone),
            Cell(entry.why or does.help, "muted"),
        ),
    )
