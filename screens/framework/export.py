"""Writes a list to a file, as CSV or JSON, every row under the filter and order it is looked at.

The file is new, in the folder the console was started in, and only its owner can read it.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from textual.widget import Widget

from engine.clock import now_ms, stamp
from engine.errors import Failed, KvmtuiError
from engine.operators import acts_for_a_token
from screens.common.text import plain
from screens.widgets.dialogs import Choice, Choose
from screens.widgets.rows import Cell, Column, RowSource, TableRow
from screens.widgets.table import Table

_AT_ONCE = 1_000
_SIGN = re.compile(r"^[+~>x!?=-] (?=\S)")
"""The sign of a state, which says the same as its colour."""
_FORMULA = ("=", "+", "-", "@")
FORMATS = (Choice("csv", "For a spreadsheet."), Choice("json", "For a program."))


def ask(node: Widget, name: str, table: Table) -> None:
    """Asks for the format, writes the file, and says where it is."""
    if acts_for_a_token():
        node.notify(
            "Files are written on the server, where a token has no folder. Use the API or `kvmtui … list --json`.",
            severity="warning",
            markup=False,
        )
        return

    async def work() -> None:
        kind = await node.app.push_screen_wait(Choose("Write this list as", FORMATS))
        source = table.source
        if kind is None or source is None:
            return
        try:
            file = await asyncio.to_thread(write, name, kind, table.columns, source)
        except KvmtuiError as error:
            node.notify(error.sentence, severity="error", markup=False)
        else:
            node.notify(f"Written to {plain(file.name)}", markup=False, timeout=10)

    node.run_worker(work(), group="export", exclusive=True)


def write(name: str, kind: str, columns: Sequence[Column], source: RowSource) -> Path:
    """Writes every row of a source into a new file; Failed when the disk says no."""
    words = as_json(columns, rows(source)) if kind == "json" else as_csv(columns, rows(source))
    when = stamp(now_ms()).replace("-", "").replace(":", "").replace(" ", "-")
    file = Path.cwd() / f"kvmtui-{name}-{when}.{kind}"
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="utf-8", newline="") as stream:
            stream.write(words)
    except OSError as error:
        raise Failed(f"{file} could not be written: {error.strerror}. Nothing was exported.") from error
    return file


def rows(source: RowSource) -> Iterator[TableRow]:
    """Every row of a source, read page by page."""
    offset = 0
    while page := source.page(offset, _AT_ONCE):
        yield from page
        offset += len(page)


def as_csv(columns: Sequence[Column], found: Iterator[TableRow]) -> str:
    """The rows as CSV under their titles; a text that a spreadsheet would run is marked as text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.title for column in columns])
    for row in found:
        writer.writerow([_harmless(words) for words in _words(row, columns)])
    return out.getvalue()


def as_json(columns: Sequence[Column], found: Iterator[TableRow]) -> str:
    """The rows as a list of objects, one key per column."""
    keys = [column.key for column in columns]
    return json.dumps([dict(zip(keys, _words(row, columns), strict=True)) for row in found], indent=1) + "\n"


def _words(row: TableRow, columns: Sequence[Column]) -> list[str]:
    """Clean values: no signs, no dashes for nothing, and the second line only where it is part of the value."""
    return [plain(_clean(row.cell(index))) for index in range(len(columns))]


def _clean(cell: Cell) -> str:
    if cell.value is not None:
        return cell.value
    if cell.text == "—":
        return ""
    words = _SIGN.sub("", cell.text) if cell.tone else cell.text
    return f"{words} ({cell.below})" if cell.below else words


def _harmless(words: str) -> str:
    return f"'{words}" if words.startswith(_FORMULA) else words
