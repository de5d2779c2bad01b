"""Reads a CSV with a header; the delimiter is a comma, a semicolon or a tab, whichever the header has most."""

from __future__ import annotations

import csv
import io

from engine.errors import Refused
from engine.ipam.puq.tables import DumpRow, DumpTable


def read_csv(text: str, name: str) -> DumpTable:
    """The one table of a CSV file; empty lines pass."""
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table: DumpTable | None = None
    before = 0
    try:
        for row in rows:
            number, before = before + 1, rows.line_num
            values = tuple(value.strip() for value in row)
            if not any(values):
                continue
            if table is None:
                table = DumpTable(name, values)
            else:
                table.add(DumpRow(number, tuple("" if value == "NULL" else value for value in values)))
    except csv.Error as error:
        raise Refused(f"line {before + 1}: this is not well-formed CSV: {error}.") from error
    if table is None:
        raise Refused(f"{name} is empty; it needs a header and rows.")
    return table
