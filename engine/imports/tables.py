"""A table as a file holds it: its name, its columns, its rows with their lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from engine.errors import Refused

MOST_ROWS = 1_000_000
_SECRET = re.compile(
    r"pass(?!port)|secret|token|hash|apikey|privatekey|licen[cs]e|cardnum|cvv|bankacct|securityqans|novnc\w*key|proxykey"
)


@dataclass(frozen=True, slots=True)
class DumpRow:
    """One row and the line of the file it starts on."""

    number: int
    values: tuple[str, ...]


@dataclass(slots=True)
class DumpTable:
    """Rows under one header; NULL reads as an empty text, and so does every column that is not read."""

    name: str
    columns: tuple[str, ...] = ()
    lines: list[DumpRow] = field(default_factory=list)

    def add(self, line: DumpRow) -> None:
        """Append a row; refused when it does not fit the columns or there are too many."""
        if len(line.values) != len(self.columns):
            raise Refused(
                f"line {line.number}: the row has {len(line.values)} values for the {len(self.columns)} "
                f"columns of {self.name}. The file seems damaged there."
            )
        if len(self.lines) >= MOST_ROWS:
            raise Refused(
                f"line {line.number}: {self.name} has more than {MOST_ROWS:,} rows; import less at once."
            )
        self.lines.append(line)


def plain(name: str) -> str:
    """A name as it is compared: lower case, letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_secret(name: str) -> bool:
    """Whether a column or setting of this name holds a secret; its values are never read."""
    spaced = re.sub(r"[^a-z0-9]+", " ", name.lower()).strip()
    return _SECRET.search(plain(name)) is not None or spaced == "key" or spaced.endswith(" key")


def is_open(table: str, column: str) -> bool:
    """Whether a column may be read: everything but secrets."""
    return not is_secret(column)
