"""The only way engine data becomes text on a screen.

Names, notes, DNS contents and log lines are written by strangers. What leaves this module holds no
escape sequence, no control or bidirectional character, no invisible letter and no line break, never
reads as markup, and takes exactly the cells it was given. Nothing vanishes: what cannot be shown safely
is replaced by a visible sign, so that `admin` with a hidden letter does not look like `admin`.

    >>> plain("a[/b]\\x1b[31mred\\nnext")
    'a[/b]␛[31mred␊next'
    >>> fit("a very long name", 8)
    'a very …'
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text

ELLIPSIS = "…"
LONGEST = 4_096
"""No line on a screen is longer than this many characters, whatever the data holds."""

_REPLACED = "\ufffd"
_MARKS_PER_LETTER = 2
_TAB = "    "
_BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_CHARS_PER_CELL = 2 + _MARKS_PER_LETTER


def plain(value: object, limit: int = LONGEST) -> str:
    """One safe line of at most `limit` characters; a longer value ends in an ellipsis."""
    raw = value if isinstance(value, str) else str(value)
    cut = raw[: limit + 1]
    if not (cut.isascii() and cut.isprintable()):
        cut = _bounded_marks("".join(map(_shown, cut)))
    return cut if len(raw) <= limit and len(cut) <= limit else cut[: limit - 1] + ELLIPSIS


def fit(value: object, width: int, align: str = "left") -> str:
    """One safe line that takes exactly `width` cells, cut with an ellipsis or padded with spaces."""
    if width <= 0:
        return ""
    line = plain(value, min(LONGEST, width * _CHARS_PER_CELL + 1))
    length = cell_len(line)
    if length > width:
        return _cut(line, width)
    gap = " " * (width - length)
    return gap + line if align == "right" else line + gap


def clamp(value: object, width: int) -> str:
    """One safe line of at most `width` cells, cut with an ellipsis, not padded."""
    if width <= 0:
        return ""
    line = plain(value, min(LONGEST, width * _CHARS_PER_CELL + 1))
    return line if cell_len(line) <= width else _cut(line, width).rstrip(" ")


def text(value: object, style: str | Style = "", width: int | None = None) -> Text:
    """One safe line as a rich Text, which Textual draws without reading markup in it."""
    line = plain(value) if width is None else clamp(value, width)
    return Text(line, style=style, no_wrap=True, end="")


def lines(value: object, width: int, most: int = 200) -> list[str]:
    """Several safe lines: real line breaks break, tabs become spaces, a last line counts what is left out."""
    raw = value if isinstance(value, str) else str(value)
    parts = raw[: most * LONGEST].replace("\r\n", "\n").replace("\t", _TAB).split("\n")
    shown = [clamp(part, width) for part in parts[:most]]
    if len(parts) > most:
        shown.append(clamp(f"{ELLIPSIS} {len(parts) - most} more lines", width))
    return shown


def block(value: object, style: str | Style = "", most: int = 200) -> Text:
    """Several safe lines as one rich Text that wraps where it is drawn."""
    return Text("\n".join(lines(value, LONGEST, most)), style=style)


def pasteable(value: object) -> str:
    """A safe line for the clipboard: pasted into a shell it can neither run nor hide anything."""
    return plain(value)


def unmarked(value: object) -> str:
    """A safe line for the few places where Textual always reads markup in a string."""
    return plain(value).replace("[", "\\[")


def _cut(line: str, width: int) -> str:
    """The first `width - 1` cells and an ellipsis; a wide letter cut in half leaves a space."""
    return set_cell_size(line, width - 1) + ELLIPSIS


@lru_cache(maxsize=8_192)
def _shown(char: str) -> str:
    """The safe sign for one character."""
    code = ord(char)
    if code < 0x20:
        return " " if char == "\t" else chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if char in _BLANKS:
        return _REPLACED
    if 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
        return ""  # asks for a picture form; terminals disagree about its width, and no letter changes
    return _by_category(char)


def _by_category(char: str) -> str:
    """The safe replacement for a character, by its Unicode category."""
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    if category in ("Zl", "Zp"):
        return "␊"
    if category[0] == "C":  # controls, format and bidi signs, surrogates, private and unassigned
        return _REPLACED
    return char


def _bounded_marks(line: str) -> str:
    """Gives a combining mark without a letter a cell of its own, and keeps at most two marks per letter."""
    if not any(map(_is_mark, line)):
        return line
    kept = ["◌"] if _is_mark(line[0]) else []
    run = 0
    for char in line:
        run = run + 1 if _is_mark(char) else 0
        if run <= _MARKS_PER_LETTER:
            kept.append(char)
    return "".join(kept)


@lru_cache(maxsize=8_192)
def _is_mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char) in ("Mn", "Me")


def with_service(name: str, service_id: int) -> str:
    """A VM and its service.

    >>> with_service("vps-5546", 5546), with_service("", 5546)
    ('vps-5546 (service 5546)', 'service 5546')
    """
    return f"{name} (service {service_id})" if name not in ("", str(service_id)) else f"service {service_id}"
