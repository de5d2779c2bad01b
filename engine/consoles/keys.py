"""Control keys by the names operators write them: `ctrl+]`, `^]`."""

from __future__ import annotations

import re

from engine.errors import Refused

_WRITTEN = re.compile(r"(?:ctrl[+-]|c-|\^)([a-z@\[\]\\^_])", re.IGNORECASE)
_TAKEN = {
    "m": "Enter",
    "j": "Enter",
    "[": "Escape and every arrow key",
    "@": "no key of its own on many keyboards",
}


def control_key(written: str) -> bytes:
    """The byte a control key sends; refused for what is none, and for keys a console cannot do without."""
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        raise Refused(f"'{written}' is not a control key; write one like ctrl+] or ctrl+a.")
    letter = match[1].lower()
    if letter in _TAKEN:
        raise Refused(f"{written} is {_TAKEN[letter]}; choose another key to leave with, such as ctrl+].")
    return bytes([ord(letter.upper()) & 0x1F])


def key_name(key: bytes) -> str:
    """How the key is called."""
    return f"Ctrl+{chr(key[0] | 0x40)}"
