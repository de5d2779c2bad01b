"""Keeps secrets out of every text that leaves the process.

Three layers: known values (each secret read or made in this process is registered), known names
(`password=…`, `"token": "…"`, an Authorization header), and a logging filter that applies both.
"""

from __future__ import annotations

import logging
import re
import threading
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 4  # shorter values would blank out ordinary words
_lock = threading.Lock()
_values: set[str] = set()
_pattern: re.Pattern[str] | None = None

_NAMES = r"[\w-]*(?:password|passwd|cipassword|secret|api[_-]?key|token(?!_id)|ticket|csrf\w*|authorization|cookie|sshkeys?)[\w-]*"
_ASSIGNED = re.compile(
    rf"""(?P<head>["']?\b{_NAMES}["']?\s*[:=]\s*)(?P<value>"[^"]*"|'[^']*'|Bearer\s+\S+|PVEAPIToken=\S+|[^\s,;&}}\])]+)""",
    re.IGNORECASE,
)
_HEADERS = re.compile(r"(PVEAPIToken=[^=\s]+=|PVEAuthCookie=|Bearer\s+)[^\s;,'\"]+", re.IGNORECASE)


def register(value: str | None) -> None:
    """From now on this value never appears in a log line, in any of its encodings."""
    global _pattern
    if not value or len(value) < _SHORTEST:
        return
    forms = {value, quote(value, safe=""), quote_plus(value)}
    with _lock:
        if forms <= _values:
            return
        _values.update(forms)
        longest_first = sorted(_values, key=len, reverse=True)
        _pattern = re.compile("|".join(re.escape(v) for v in longest_first))


def redact(text: str) -> str:
    """The same text with every known secret and every value of a secret-looking name masked."""
    pattern = _pattern
    if pattern is not None:
        text = pattern.sub(MASK, text)
    text = _HEADERS.sub(lambda m: m.group(1) + MASK, text)
    return _ASSIGNED.sub(lambda m: m.group("head") + MASK, text)


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
