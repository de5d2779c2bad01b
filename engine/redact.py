"""Keeps secrets out of every text that leaves the process.

Secrets are known by their values: whatever reads, makes or opens one registers it, and from then on it is masked in
every text, in each encoding it may appear in. API tokens and webhook secrets are also known by their prefixes, `kvt_`
and `whsec_`, for they arrive from outside. Nothing is guessed by words such as `password`, which would garble the
sentences of others. Structured values are masked by the names of their fields where they are kept (engine.audit).
"""

from __future__ import annotations

import json
import logging
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

MASK = "***"
_SHORTEST = 4  # shorter values would blank out ordinary words
_PREFIXED = re.compile(r"(?:kvt|whsec)_[A-Za-z0-9_+/%=-]{8,}")
_lock = threading.Lock()
# by their first four characters, the longest first: a lookup per character of the text, however many there are
_values: dict[str, tuple[str, ...]] = {}


def register(value: str | None) -> None:
    """From now on this value never appears in a log line, in any of its encodings."""
    if not value or len(value) < _SHORTEST:
        return
    for form in _forms(value):
        head = form[:_SHORTEST]
        if form in _values.get(head, ()):
            continue
        with _lock:
            known = {*_values.get(head, ()), form}
            _values[head] = tuple(sorted(known, key=len, reverse=True))


def _forms(value: str) -> set[str]:
    """How a value may appear in a text: plain, in a URL or form, in JSON or Python, in base64, on one line."""
    escaped = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    encoded = {quote(value), quote(value, safe=""), quote_plus(value), b64encode(value.encode()).decode()}
    lines = {" ".join(value.split())}
    return {form for form in {value, *escaped, *encoded, *lines} if len(form) >= _SHORTEST}


def redact(text: str) -> str:
    """The same text with every known secret, API token and webhook secret masked."""
    if "kvt_" in text or "whsec_" in text:
        text = _PREFIXED.sub(MASK, text)
    masked: list[str] = []
    done = 0
    for start, end in _known(text):
        if start > done or not masked:
            masked += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*masked, text[done:]])


def _known(text: str) -> Iterator[tuple[int, int]]:
    """Where registered values stand."""
    place = 0
    while _values and place <= len(text) - _SHORTEST:
        found = _values.get(text[place : place + _SHORTEST], ())
        length = next((len(value) for value in found if text.startswith(value, place)), 0)
        if length:
            yield place, place + length
        place += 1


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
