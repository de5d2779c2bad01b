"""A table as a file holds it: its name, its columns, its rows with their lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Refused

MOST_BYTES = 64 * 1024 * 1024
MOST_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class DumpRow:
    """One row and the line of the file it starts on."""

    number: int
    values: tuple[str, ...]


@dataclass(slots=True)
class DumpTable:
    """Rows under one header; NULL reads as an empty text."""

    name: str
    columns: tuple[str, ...] = ()
    lines: list[DumpRow] = field(default_factory=list)

    def add(self, line: DumpRow) -> None:
        """Put a row in; refused when it does not fit the columns or there are too many."""
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


def text_of(path: Path) -> str:
    """The text of a file of bounded size; what is not text is refused."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > MOST_BYTES:
        raise Refused(
            f"{path} is larger than {MOST_BYTES // 1024 // 1024} MiB. Dump the module's own tables alone: "
            "mysqldump DATABASE $(mysql -N -e \"SHOW TABLES LIKE '%puq%'\" DATABASE) tblservers"
        )
    if b"\0" in content[:4096]:
        raise Refused(f"{path} is not a plain text file; give an SQL dump or a CSV in UTF-8.")
    return content.decode("utf-8-sig", errors="replace")
