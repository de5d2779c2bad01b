"""Which column means what. Programs rename their columns over the years, so names are matched loosely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.imports.tables import DumpRow, DumpTable, plain


@dataclass(frozen=True, slots=True)
class Shaped:
    """A table whose columns are understood: field -> the column it is read from."""

    table: DumpTable
    columns: Mapping[str, str]

    def value(self, line: DumpRow, field: str) -> str:
        """A field of a row, empty when the table has no such column."""
        column = self.columns.get(field)
        return "" if column is None else line.values[self.table.columns.index(column)].strip()

    def __str__(self) -> str:
        return f"{self.table.name}: " + ", ".join(f"{field} = {name}" for field, name in self.columns.items())


def mapped(table: DumpTable, fields: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The column of each field, the likeliest name first; every column serves one field."""
    names_here = {plain(column): column for column in table.columns}
    found: dict[str, str] = {}
    for field, names in fields.items():
        column = next((names_here[name] for name in names if name in names_here), None)
        if column is not None and column not in found.values():
            found[field] = column
    return found
