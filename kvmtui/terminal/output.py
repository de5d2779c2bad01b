"""Results on stdout: a table for people, plain columns for pipes, one JSON document for scripts."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from engine.queries.documents import plain as plain
from kvmtui.terminal import streams
from kvmtui.terminal.exits import PipeClosed, Unwritten

_ADDRESS = re.compile(
    r"[(\[]*(\d+\.\d+\.\d+\.\d+|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/\d+)?[\])]*(:\d+)?[,;]?"
)
_NARROW = 6  # other words are folded down to this
_GAP = 2  # between columns
_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "�")


def write(text: str) -> None:
    """One line of a result."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError as gone:
        raise PipeClosed from gone
    except OSError as error:
        raise Unwritten(error) from error


def message(text: str) -> None:
    """One line that is a message, not a result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def done(sentence: str, as_json: bool, **facts: Any) -> None:
    """What a verb did: a message; with --json, also one JSON document with these facts and the message."""
    message(safe(sentence))
    if as_json:
        show_json({**facts, "message": sentence})


def show_json(value: Any) -> None:
    """The value as one JSON document; views become objects, moments ISO 8601 UTC."""
    write(json.dumps(plain(value), ensure_ascii=not streams.is_unicode(), indent=2))


def show_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Rows under their heads: fitted to the terminal, or tab-separated and whole when piped.

    An empty list is a message on stderr, so that a pipe gets nothing.
    """
    found = [list(row) for row in rows]
    cells = [[_cell(value) for value in row] for row in found]
    if not cells:
        message(empty)
    elif sys.stdout.isatty():
        _on_terminal(heads, found, cells)
    else:
        for row in [list(heads), *cells]:
            write("\t".join(row))


def show_facts(facts: Mapping[str, Any]) -> None:
    """One object, a fact per line."""
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        lines = [_cell(line) for line in str(_blank(value)).splitlines()] or [""]
        write(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            write(f"{'':<{width}}  {line}")


def safe(text: str) -> str:
    """The text on one line, unable to steer a terminal."""
    return text.translate(_CONTROL)


def _blank(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return "\n".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _cell(value: Any) -> str:
    """A value as text that cannot steer a terminal."""
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return safe(str(_blank(value)))


def _on_terminal(heads: Sequence[str], rows: Sequence[Sequence[Any]], cells: Sequence[Sequence[str]]) -> None:
    """A table as wide as the terminal; one object per block where an address would have to be split."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color="NO_COLOR" in os.environ or None, highlight=False)
    columns = list(zip(heads, *cells, strict=True))
    widths = _widths(columns, console.width - _GAP * (len(heads) - 1))
    if not widths:
        room = max(console.width - max(map(len, heads)) - _GAP, _NARROW)
        for number, values in enumerate(rows):
            if number:
                write("")
            show_facts({head: _lines(value, room) for head, value in zip(heads, values, strict=True)})
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for (head, *values), width in zip(columns, widths, strict=True):
        numeric = all(value.isdigit() for value in values)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(head), justify=justify, overflow="fold", width=width)
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _lines(value: Any, room: int) -> list[str]:
    """A value in lines that fit, one or more for each item of a list."""
    from textwrap import wrap

    items = value if isinstance(value, list | tuple) else [value]
    return [line for item in items for line in wrap(_cell(item), room, break_on_hyphens=False)]


def _widths(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Column widths that fit, the widest columns reduced first; empty when an address would be split."""
    from rich.cells import cell_len

    widths = [max(cell_len(text) for text in column) for column in columns]
    least = [_least(column) for column in columns]
    while sum(widths) > room:
        reducible = [place for place, width in enumerate(widths) if width > least[place]]
        if not reducible:
            return []
        widths[max(reducible, key=lambda place: widths[place])] -= 1
    return widths


def _least(column: Sequence[str]) -> int:
    """The least width of a column: its longest address, which is never split over lines, or a few characters."""
    words = [word for text in column for word in text.split()]
    return max(len(word) if _ADDRESS.fullmatch(word) else min(len(word), _NARROW) for word in ("", *words))
