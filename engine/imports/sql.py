"""Reads tables out of an SQL dump: CREATE TABLE for the columns, INSERT for the rows, everything else skipped.

The file is read as a stream, so that a dump of any size takes little memory: only the wanted columns of the wanted
tables are kept. Patterns never go back, so a hostile file costs no more time than its length; a quote that is
never closed is refused with the line it opens on. `tokens` cuts the stream into pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from engine.errors import Refused
from engine.imports.tables import DumpRow, DumpTable, is_open
from engine.imports.tokens import SqlTokens, Token

_VALUE = re.compile(
    rb"\s*+(?:_[A-Za-z0-9]++\s*+)?"
    rb"(?:(?P<string>'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+')|(?P<hex>0[xX][0-9A-Fa-f]++)|(?P<word>[^\s'\"`(),;#/_-][^\s'\"`(),;]*+|-[0-9][^\s'\"`(),;]*+))"
    rb"\s*+(?P<end>[,)])",
    re.S,
)
_NO_COLUMN = {"PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FULLTEXT", "FOREIGN", "CHECK", "SPATIAL"}
Wanted = Callable[[str], bool]
Kept = Callable[[str, str], bool]


def read_sql(stream: BinaryIO, wanted: Wanted, kept: Kept = is_open) -> list[DumpTable]:
    """The tables of a dump whose names are wanted; a column that is not kept is empty in every row."""
    return _Reader(SqlTokens(stream), wanted, kept).tables()


class _Reader:
    """One pass over a dump."""

    def __init__(self, tokens: SqlTokens, wanted: Wanted, kept: Kept) -> None:
        self._tokens = tokens
        self._wanted = wanted
        self._kept = kept
        self._tables: dict[str, DumpTable] = {}

    def tables(self) -> list[DumpTable]:
        while (first := self._tokens.next()) is not None:
            if first.says("CREATE"):
                self._create()
            elif first.says("INSERT", "REPLACE"):
                self._insert()
            elif not first.says(";"):
                self._tokens.skip_statement()
        return list(self._tables.values())

    def _create(self) -> None:
        name, after = self._table_name({"TABLE", "IF", "NOT", "EXISTS", "TEMPORARY"})
        if name is None or not self._wanted(name) or not after.says("("):
            self._finish(after)
            return
        columns, depth, starts = [], 1, True
        while depth:
            token = self._tokens.need()
            if depth == 1 and starts and not token.says("(", ")", ",", *_NO_COLUMN):
                columns.append(self._tokens.meaning(token))
            depth += token.says("(") - token.says(")")
            starts = depth == 1 and token.says(",")
        self._table(name).columns = tuple(columns)
        self._tokens.skip_statement()

    def _insert(self) -> None:
        name, after = self._table_name({"INTO", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"})
        if name is None or not self._wanted(name):
            self._finish(after)
            return
        table = self._table(name)
        if after.says("("):
            table = self._with_columns(table, self._row(None))
            after = self._tokens.need()
        if not after.says("VALUES", "VALUE"):
            raise Refused(
                f"line {after.line}: rows are read from VALUES only, but found {self._tokens.meaning(after)[:20]}."
            )
        if not table.columns:
            raise Refused(
                f"line {after.line}: the columns of {name} are not named in the file. Dump it with its CREATE "
                "TABLE, or with --complete-insert."
            )
        self._rows(table)

    def _with_columns(self, table: DumpTable, columns: tuple[str, ...]) -> DumpTable:
        """The table with its columns in the order an INSERT names; two orders are two tables of one name."""
        if not table.lines or table.columns == columns:
            table.columns = columns
            return table
        return self._tables.setdefault(
            f"{table.name.lower()}({','.join(columns)})", DumpTable(table.name, columns)
        )

    def _rows(self, table: DumpTable) -> None:
        keep = [self._kept(table.name.lower(), column.lower()) for column in table.columns]
        while True:
            token = self._tokens.need()
            if token.says("("):
                table.add(DumpRow(token.line, self._row(keep)))
            elif not token.says(","):
                self._finish(token)
                return

    def _row(self, keep: list[bool] | None) -> tuple[str, ...]:
        """The values up to the bracket that ends them; `keep` says which of them are read at all."""
        values: list[str] = []
        while True:
            read = keep is None or (len(values) < len(keep) and keep[len(values)])
            found = self._tokens.take(_VALUE)
            if found is None:
                value, ended = self._slow_value()
                values.append(value if read else "")
            else:
                values.append(self._fast_value(found) if read else "")
                ended = found["end"] == b")"
            if ended:
                return tuple(values)

    def _fast_value(self, found: re.Match[bytes]) -> str:
        if (text := found["string"]) is not None:
            return self._tokens.text(text)
        if (digits := found["hex"]) is not None:
            return self._tokens.from_hex(digits[2:])
        word = found["word"]
        return "" if word.upper() == b"NULL" else self._tokens.decoded(word)

    def _slow_value(self) -> tuple[str, bool]:
        """A value that is not plain, or lies across two reads; of a function, the last string given to it."""
        value, depth, before = "", 0, b""
        while True:
            token = self._tokens.need()
            if token.says(")") and depth == 0:
                return value, True
            if token.says(";"):
                raise Refused(f"line {token.line}: a row ends in the middle. The file seems damaged there.")
            if token.says(",") and depth == 0:
                return value, False
            depth += token.says("(") - token.says(")")
            if token.says("("):
                value = ""
            elif token.kind == "string":
                hexadecimal = before in (b"X", b"x")
                value = self._tokens.from_hex(token.raw[1:-1]) if hexadecimal else self._tokens.meaning(token)
            elif token.kind != "mark" and depth == 0 and not token.raw.startswith(b"_"):
                value = self._tokens.meaning(token)
            before = token.raw

    def _table_name(self, before: set[str]) -> tuple[str | None, Token]:
        """The last part of `database`.`table`, and the token after it; None when no name follows."""
        token = self._tokens.need()
        while token.says(*before):
            token = self._tokens.need()
        name = None
        while token.kind == "name" or (token.kind == "word" and (name is None or b"." in token.raw)):
            name = self._tokens.meaning(token).rpartition(".")[2] or name
            token = self._tokens.need()
        return name, token

    def _finish(self, last: Token) -> None:
        if not last.says(";"):
            self._tokens.skip_statement()

    def _table(self, name: str) -> DumpTable:
        return self._tables.setdefault(name.lower(), DumpTable(name))
