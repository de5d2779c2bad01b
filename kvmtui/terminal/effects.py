"""What a change of product or options would do, as a table before it is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.queries.changes import shown
from engine.queries.effects import RESTARTS, Effect, When
from kvmtui.terminal import output

_HEADS = ("Field", "From", "To", "When", "Undone", "Note")
_WHEN: dict[When, str] = {
    "change": "with the change",
    "at once": "at once",
    "reinstall": "at a reinstall",
    "never": "not at all",
}
_NOTHING = "Nothing would change: the VM matches its product and overrides."


def show(effects: Sequence[Effect], as_json: bool) -> None:
    """The effects as a result."""
    if as_json:
        output.show_json(list(effects))
        return
    output.show_table(_HEADS, list(_rows(effects)), _NOTHING)
    if effects:
        output.message(RESTARTS)


def show_effects(effects: Sequence[Effect]) -> None:
    """The effects of what is done, as messages."""
    for row in _rows(effects):
        field, old, new, when, undone, note = row
        words = "; ".join(part for part in (when, note, "cannot be undone" if undone == "no" else "") if part)
        output.message(output.safe(f"{field}: {old} -> {new} ({words})"))


def _rows(effects: Sequence[Effect]) -> Iterator[tuple[str, ...]]:
    for each in effects:
        when = _WHEN[each.when] + (", stopped" if each.needs_stop else "")
        undone = "no" if each.lasting else "yes"
        yield each.field, shown(each.old), shown(each.new), when, undone, each.note
