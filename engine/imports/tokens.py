"""Cuts a stream of SQL into tokens, however the stream arrives, and says what they mean.

Strings, names and comments are taken whole: one that continues in the part that is not read yet is read on first.
The bytes of a dump are ASCII except inside strings, so they are decoded only there.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from dataclasses import dataclass
from typing import BinaryIO

from engine.errors import Refused

CHUNK = 1 << 20
LONGEST = 64 << 20  # bytes of one string, name or comment

# Python before 3.11.5 does not step back when the body of a possessive group fails half-way, so these groups have
# bodies that fail at once. A plain group keeps a record of each repetition, which is why theirs are limited.
_STRING = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|" + rb'"[^"\\]*+(?:(?:\\.|"")[^"\\]*+)*+"'
_NAME = rb"`[^`]*+(?:``[^`]*+)*+`"
_BLOCK = rb"/\*[\s\S]*?\*/"
_COMMENT = rb"(?:--(?=\s)|#)[^\n]*+\n|" + _BLOCK
_LAST_COMMENT = rb"(?:--(?=\s|\Z)|#)[^\n]*+(?:\n|\Z)|" + _BLOCK
_SPACE = re.compile(rb"(?:\s++|%s){0,10000}" % _COMMENT)
_LAST_SPACE = re.compile(rb"(?:\s++|%s){0,10000}" % _LAST_COMMENT)
_TOKEN = re.compile(
    rb"(?P<string>%s)|(?P<name>%s)|(?P<mark>[(),;])|(?P<word>[^\s'\"`(),;]++)" % (_STRING, _NAME), re.S
)
_ALONE = rb"-(?=[^-])|--(?=\S)|/(?=[^*])"  # a dash or a slash that opens no comment
_PIECES = rb"[^;'\"`#/-]++|%s|%s|%s|%s"
_STATEMENT = re.compile(rb"(?:%s){0,10000}(;?)" % (_PIECES % (_STRING, _NAME, _COMMENT, _ALONE)), re.S)
_LAST_STATEMENT = re.compile(
    rb"(?:%s){0,10000}(;?)" % (_PIECES % (_STRING, _NAME, _LAST_COMMENT, rb"[#-]|/(?!\*)")), re.S
)
_ESCAPED = re.compile(rb"\\(.)", re.S)
_ESCAPES = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"Z": b"\x1a", b"b": b"\b", b"%": b"\\%", b"_": b"\\_"
}  # fmt: skip
_NAMES = re.compile(rb"SET NAMES '?([A-Za-z0-9]+)", re.IGNORECASE)
_CODECS = {
    "utf8": "utf-8", "utf8mb3": "utf-8", "utf8mb4": "utf-8", "binary": "utf-8", "ascii": "utf-8", "latin1": "cp1252",
    "latin2": "iso8859-2", "latin5": "iso8859-9", "latin7": "iso8859-13", "cp1250": "cp1250", "cp1251": "cp1251",
    "cp1256": "cp1256", "cp1257": "cp1257", "koi8r": "koi8-r", "koi8u": "koi8-u", "greek": "iso8859-7",
    "hebrew": "iso8859-8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL: `string`, `name`, `mark` or `word`, with the line it starts on."""

    kind: str
    raw: bytes
    line: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these bare words or marks."""
        return self.kind in ("word", "mark") and self.raw.upper().decode("latin-1") in words


class SqlTokens:
    """Goes through a stream once, token by token, counting lines."""

    def __init__(self, stream: BinaryIO, chunk: int = CHUNK) -> None:
        self._stream = stream
        self._chunk = chunk
        self._buffer = b""
        self._at = 0
        self._ended = False
        self._line = 1
        self._fill()
        self._buffer = self._buffer.removeprefix(b"\xef\xbb\xbf")
        self._codec = self._named_codec()

    def next(self) -> Token | None:
        """The next token; None at the end of the stream."""
        self._skip_space()
        if self._at >= len(self._buffer):
            return None
        found = self._whole(_TOKEN)
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
            raise Refused(f"line {self._line}: the file ends inside a statement. It may be truncated.")
        return token

    def take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """What matches here, taken; None, and nothing taken, when it does not, or not in what is read so far."""
        found = pattern.match(self._buffer, self._at)
        if found is not None:
            self._go(found)
        return found

    def skip_statement(self) -> None:
        """Go past the next semicolon outside of quotes."""
        while True:
            found = (_LAST_STATEMENT if self._ended else _STATEMENT).match(self._buffer, self._at)
            assert found is not None
            self._go(found)
            if found[1] or (self._ended and not found[0]):
                return
            if not found[0]:
                self._fill()

    def meaning(self, token: Token) -> str:
        """What a token means: without its quotes, NULL as nothing."""
        if token.kind == "name":
            return self.decoded(token.raw[1:-1].replace(b"``", b"`"))
        if token.kind == "string":
            return self.text(token.raw)
        if token.raw[:2] in (b"0x", b"0X") and len(token.raw) > 2:
            return self.from_hex(token.raw[2:])
        return "" if token.raw.upper() == b"NULL" else self.decoded(token.raw)

    def text(self, quoted: bytes) -> str:
        """What a string in quotes means."""
        quote, inner = quoted[:1], quoted[1:-1]
        if quote in inner:  # doubled, or escaped by a backslash
            inner = re.sub(rb"(\\.)|%s%s" % (quote, quote), lambda each: each[1] or quote, inner, flags=re.S)
        if b"\\" in inner:
            inner = _ESCAPED.sub(lambda each: _ESCAPES.get(each[1], each[1]), inner)
        return self.decoded(inner)

    def from_hex(self, digits: bytes) -> str:
        """The text that hexadecimal digits stand for; digits that are no whole bytes stay as they are."""
        try:
            return self.decoded(unhexlify(digits))
        except ValueError:
            return digits.decode("latin-1")

    def decoded(self, raw: bytes) -> str:
        """Bytes of the dump as text; what is not in its character set becomes a replacement character."""
        return raw.decode(self._codec, errors="replace")

    def _named_codec(self) -> str:
        found = _NAMES.search(self._buffer)
        name = found[1].decode("ascii").lower() if found else "utf8"
        if name not in _CODECS:
            raise Refused(
                f"The dump is in the character set {name}. Dump with --default-character-set=utf8mb4."
            )
        return _CODECS[name]

    def _skip_space(self) -> None:
        while True:
            found = (_LAST_SPACE if self._ended else _SPACE).match(self._buffer, self._at)
            assert found is not None
            self._go(found)
            if found[0]:
                continue
            if self._ended:
                self._refuse_open_comment()
                return
            if not self._may_be_comment():
                return
            self._fill()

    def _refuse_open_comment(self) -> None:
        if self._buffer.startswith(b"/*", self._at):
            raise Refused(
                f"line {self._line}: a comment opens here and is never closed. The file seems cut off."
            )

    def _may_be_comment(self) -> bool:
        """Whether what comes may be a comment of which only the beginning is read."""
        begins = self._buffer[self._at : self._at + 3]
        if len(begins) < 3 or begins[:1] == b"#" or begins[:2] == b"/*":
            return True
        return begins[:2] == b"--" and begins[2:].isspace()

    def _whole(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        while True:
            found = pattern.match(self._buffer, self._at)
            if self._ended or (found is not None and found.end() < len(self._buffer)):
                return found
            self._fill()

    def _go(self, found: re.Match[bytes]) -> None:
        self._line += self._buffer.count(b"\n", self._at, found.end())
        self._at = found.end()

    def _fill(self) -> None:
        """Read on: as much as is open already, so that a long value is looked through a few times only."""
        rest = self._buffer[self._at :]
        if len(rest) > LONGEST:
            raise Refused(
                f"line {self._line}: a value, name or comment is longer than {LONGEST >> 20} MiB, or a quote is "
                "never closed."
            )
        more = self._stream.read(max(self._chunk, len(rest)))
        self._ended = not more
        self._buffer, self._at = rest + more, 0
