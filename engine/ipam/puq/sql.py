"""Reads the tables out of an SQL dump: CREATE TABLE for the columns, INSERT for the rows, the rest unseen.

The text is cut into tokens by patterns that never go back, so a hostile file costs no more time than its
length; a quote that is never closed is refused with the line it opens on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.errors import Refused
from engine.ipam.puq.tables import DumpRow, DumpTable

_STRING = r"'(?:[^'\\]++|\\.|'')*+'|" + r'"(?:[^"\\]++|\\.|"")*+"'
_NAME = r"`(?:[^`]++|``)*+`"
_COMMENT = r"--(?=\s|\Z)[^\n]*+|\#[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/"
_SPACE = re.compile(rf"(?:\s++|{_COMMENT})*+")
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<name>{_NAME})|(?P<mark>[(),;])|(?P<word>[^\s'\"`(),;]++)", re.S
)
_TO_END = re.compile(rf"(?:[^;'\"`#/-]++|{_STRING}|{_NAME}|{_COMMENT}|[#/-])*+;?", re.S)
_ESCAPED = {quote: re.compile(rf"\\(.)|{quote}{quote}", re.S) for quote in ("'", '"')}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a", "b": "\b"}
_NO_COLUMN = {"PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FULLTEXT", "FOREIGN", "CHECK", "SPATIAL"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: `string`, `name`, `mark` or `word`, with the line it starts on."""

    kind: str
    text: str
    line: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these bare words or marks."""
        return self.kind in ("word", "mark") and self.text.upper() in words


class SqlReader:
    """Goes through the text once, token by token, counting lines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def next(self) -> Token | None:
        """The next token; None at the end of the text."""
        self._go(_SPACE.match(self._text, self._at))
        if self._at >= len(self._text):
            return None
        found = _TOKEN.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            raise Refused(
                f"line {self._line}: a quote opens here and is never closed. The file seems cut off."
            )
        token = Token(found.lastgroup, found.group(), self._line)
        self._go(found)
        return token

    def need(self) -> Token:
        """The next token of a statement that must continue."""
        token = self.next()
        if token is None:
            raise Refused(f"line {self._line}: the file ends inside a statement. It seems cut off.")
        return token

    def skip_statement(self) -> None:
        """Go past the next semicolon outside of quotes."""
        self._go(_TO_END.match(self._text, self._at))

    def _go(self, found: re.Match[str] | None) -> None:
        if found is not None:
            self._line += self._text.count("\n", self._at, found.end())
            self._at = found.end()


def looks_like_sql(text: str) -> bool:
    """Whether a text is an SQL dump rather than CSV."""
    return (
        re.search(r"^\s*+(CREATE\s+TABLE|INSERT|REPLACE)\b", text, re.IGNORECASE | re.MULTILINE) is not None
    )


def read_sql(text: str, wanted: Callable[[str], bool]) -> list[DumpTable]:
    """The tables of a dump whose names are wanted."""
    reader, tables = SqlReader(text), dict[str, DumpTable]()
    while (first := reader.next()) is not None:
        if first.says("CREATE"):
            _create(reader, tables, wanted)
        elif first.says("INSERT", "REPLACE"):
            _insert(reader, tables, wanted)
        elif not first.says(";"):
            reader.skip_statement()
    return list(tables.values())


def _create(reader: SqlReader, tables: dict[str, DumpTable], wanted: Callable[[str], bool]) -> None:
    name, after = _table_name(reader, {"TABLE", "IF", "NOT", "EXISTS", "TEMPORARY"})
    if name is None or not wanted(name) or not after.says("("):
        _finish(reader, after)
        return
    columns, depth, starts = [], 1, True
    while depth:
        token = reader.need()
        if depth == 1 and starts and not token.says("(", ")", ",", *_NO_COLUMN):
            columns.append(_bare(token))
        depth += token.says("(") - token.says(")")
        starts = depth == 1 and token.says(",")
    _table(tables, name).columns = tuple(columns)
    reader.skip_statement()


def _insert(reader: SqlReader, tables: dict[str, DumpTable], wanted: Callable[[str], bool]) -> None:
    name, after = _table_name(reader, {"INTO", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY"})
    if name is None or not wanted(name):
        _finish(reader, after)
        return
    table = _table(tables, name)
    if after.says("("):
        table = _with_columns(tables, table, tuple(value for value in _tuple(reader)))
        after = reader.need()
    if not after.says("VALUES", "VALUE"):
        raise Refused(
            f"line {after.line}: rows are read from VALUES only, and here stands {after.text[:20]}."
        )
    if not table.columns:
        raise Refused(
            f"line {after.line}: the columns of {name} are not named in the file. Dump it with its CREATE TABLE, "
            "or with --complete-insert."
        )
    _rows(reader, table)


def _with_columns(tables: dict[str, DumpTable], table: DumpTable, columns: tuple[str, ...]) -> DumpTable:
    """The table with its columns in the order an INSERT names; two orders are two tables of one name."""
    if not table.lines or table.columns == columns:
        table.columns = columns
        return table
    return tables.setdefault(f"{table.name.lower()}({','.join(columns)})", DumpTable(table.name, columns))


def _rows(reader: SqlReader, table: DumpTable) -> None:
    while True:
        token = reader.need()
        if token.says("("):
            table.add(DumpRow(token.line, tuple(_tuple(reader))))
        elif not token.says(","):
            _finish(reader, token)
            return


def _tuple(reader: SqlReader) -> Iterator[str]:
    """The values up to the closing bracket that ends them."""
    value, depth = "", 0
    while True:
        token = reader.need()
        if token.says(")") and depth == 0:
            yield value
            return
        if token.says(";"):
            raise Refused(f"line {token.line}: a row ends in the middle. The file seems damaged there.")
        depth += token.says("(") - token.says(")")
        if token.says(",") and depth == 0:
            yield value
            value = ""
        elif not (token.kind == "word" and token.text.startswith("_")):  # _binary'…' names a character set
            value = _bare(token)


def _table_name(reader: SqlReader, before: set[str]) -> tuple[str | None, Token]:
    """The last part of `database`.`table`, and the token after it; None when no name comes."""
    token = reader.need()
    while token.says(*before):
        token = reader.need()
    name = None
    while token.kind == "name" or (token.kind == "word" and (name is None or "." in token.text)):
        name = _bare(token).rpartition(".")[2] or name
        token = reader.need()
    return name, token


def _finish(reader: SqlReader, last: Token) -> None:
    if not last.says(";"):
        reader.skip_statement()


def _table(tables: dict[str, DumpTable], name: str) -> DumpTable:
    return tables.setdefault(name.lower(), DumpTable(name))


def _bare(token: Token) -> str:
    """What a token means: without its quotes, NULL as nothing."""
    if token.kind == "name":
        return token.text[1:-1].replace("``", "`")
    if token.kind == "string":
        return _ESCAPED[token.text[0]].sub(_unescaped, token.text[1:-1])
    return "" if token.text.upper() == "NULL" else token.text


def _unescaped(found: re.Match[str]) -> str:
    letter = found.group(1)
    return found.group()[0] if letter is None else _ESCAPES.get(letter, letter)
