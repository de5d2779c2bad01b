"""Keeps secrets out of every text that leaves the process.

Three layers: known values (each secret read or made in this process is registered), known names
(`password=…`, `"token": "…"`, an Authorization header), and a logging filter that applies both.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 4  # shorter values would blank out ordinary words
_lock = threading.Lock()
# by their first four characters, the longest first: a look-up per character of the text, however many there are
_values: dict[str, tuple[str, ...]] = {}

_NAMES = (
    r"[\w-]*(?:password|passwd|cipassword|secret|api[_-]?key|token(?!_id)|ticket|csrf\w*|authorization"
    r"|cookie|sshkeys?)[\w-]*"
)
_OURS = r"(?!ResetPassword: service=\d)"  # the name of a pipeline at the head of its log, not of a secret
_ASSIGNED = re.compile(
    rf"""(?P<head>["']?\b{_OURS}{_NAMES}["']?\s*[:=]\s*)(?P<value>"[^"]*"|'[^']*'|Bearer\s+\S+|PVEAPIToken=\S+|[^\s,;&}}\])]+)""",
    re.IGNORECASE,
)
_HEADERS = re.compile(r"(PVEAPIToken=[^=\s]+=|PVEAuthCookie=|Bearer\s+)[^\s;,'\"]+", re.IGNORECASE)


def register(value: str | None) -> None:
    """From now on this value never appears in a log line, in any of its encodings."""
    if not value or len(value) < _SHORTEST:
        return
    for form in {value, quote(value, safe=""), quote_plus(value)}:
        head = form[:_SHORTEST]
        if form in _values.get(head, ()):
            continue
        with _lock:
            known = {*_values.get(head, ()), form}
            _values[head] = tuple(sorted(known, key=len, reverse=True))


def redact(text: str) -> str:
    """The same text with every known secret and every value of a secret-looking name masked.

    All are looked for in the text as it came: one mask must not hide from another what it would have found.
    """
    masked: list[str] = []
    done = 0
    for start, end in sorted([*_known(text), *_named(text)]):
        if start > done or not masked:
            masked += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*masked, text[done:]])


def _known(text: str) -> Iterator[tuple[int, int]]:
    """Where values that were registered stand."""
    place = 0
    while _values and place <= len(text) - _SHORTEST:
        found = _values.get(text[place : place + _SHORTEST], ())
        length = next((len(value) for value in found if text.startswith(value, place)), 0)
        if length:
            yield place, place + length
        place += 1


def _named(text: str) -> Iterator[tuple[int, int]]:
    """Where the value of a secret-looking name or header stands."""
    for match in _HEADERS.finditer(text):
        yield match.end(1), match.end()
    for match in _ASSIGNED.finditer(text):
        yield match.span("value")


class RedactingFilter(logging.Filter):
    """Masks a record before any handler sees it, its arguments and traceback included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        elif record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
