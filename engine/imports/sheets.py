"""Reads CSV files with a header; the delimiter is a comma, a semicolon or a tab, whichever the header has most."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from engine.errors import Refused
from engine.imports.files import opened
from engine.imports.tables import DumpRow, DumpTable, is_open

MOST_BYTES = 64 * 1024 * 1024
Kept = Callable[[str, str], bool]


def read_sheet(path: Path, kept: Kept = is_open) -> DumpTable:
    """The one table of a CSV file, named like the file; a file that is too large is refused."""
    with opened(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Refused(
            f"{path} is larger than {MOST_BYTES // 1024 // 1024} MiB. Export less at once, or give an SQL dump."
        )
    name = path.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".tsv")
    return read_csv(content.decode("utf-8-sig", errors="replace"), name, kept)


def read_folder(folder: Path, wanted: Callable[[str], bool], kept: Kept) -> list[DumpTable]:
    """The tables of a folder that has one .csv or .tsv file per table, named like it."""
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder. Give a folder with one CSV file per table.")
    files = sorted(each for each in folder.iterdir() if each.suffix.lower() in (".csv", ".tsv"))
    found = [each for each in files if wanted(each.stem)]
    if not found:
        raise Refused(f"{folder} has no CSV file of a table that is imported, such as tblhosting.csv.")
    tables = []
    for file in found:
        try:
            tables.append(read_sheet(file, kept))
        except Refused as fault:
            raise Refused(f"{file}: {fault.sentence}") from fault
    return tables


def read_csv(text: str, name: str, kept: Kept = is_open) -> DumpTable:
    """The one table of a CSV text; empty lines are skipped."""
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table: DumpTable | None = None
    keep: list[bool] = []
    before = 0
    try:
        for row in rows:
            number, before = before + 1, rows.line_num
            values = tuple(value.strip() for value in row)
            if not any(values):
                continue
            if table is None:
                table = DumpTable(name, values)
                keep = [kept(name.lower(), column.lower()) for column in values]
                continue
            cells = ("" if value in ("NULL", "\\N") else value for value in values)
            read = [value if place >= len(keep) or keep[place] else "" for place, value in enumerate(cells)]
            table.add(DumpRow(number, tuple(read)))
    except csv.Error as error:
        raise Refused(f"line {before + 1}: this is not well-formed CSV: {error}.") from error
    if table is None:
        raise Refused(f"{name} is empty; it needs a header and rows.")
    return table
