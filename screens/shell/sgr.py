"""Shorter colour sequences: a style that follows another one sends only the colours that differ.

Textual resets the style after each piece of text and sends all of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_STYLE = re.compile(r"\x1b\[0m\x1b\[([1-9][0-9;]*)m|\x1b\[([0-9;]*)m")
_DIRECT = {"2": 5, "5": 3}
"""Length of an extended colour such as `38;2;R;G;B` or `38;5;N`, by its second number."""


def shortened(output: str) -> str:
    """The same picture in fewer bytes.

    >>> shortened("\\x1b[0m\\x1b[31;40mone\\x1b[0m\\x1b[32;40mtwo\\x1b[0m")
    '\\x1b[0m\\x1b[31;40mone\\x1b[32mtwo\\x1b[0m'
    """
    current: str | None = None
    """The whole style in effect, or None while it is unknown: at the start, and after a style without a reset."""

    def shorter(found: re.Match[str]) -> str:
        nonlocal current
        after_reset, alone = found.groups()
        if after_reset is None:
            current = alone if current == "" else None
            if not alone.strip("0;"):
                current = ""
            return found.group()
        before, current = current, after_reset
        return found.group() if before is None else _change(before, after_reset)

    return _STYLE.sub(shorter, output)


@lru_cache(maxsize=4096)
def _change(before: str, after: str) -> str:
    """The sequence that turns one style into another: only what differs, or a reset where that is not enough."""
    old, new = dict(_parts(before)), dict(_parts(after))
    if old.get("") != new.get("") or old.keys() - new.keys():
        return f"\x1b[0m\x1b[{after}m"
    changed = ";".join(code for kind, code in new.items() if old.get(kind) != code)
    return f"\x1b[{changed}m" if changed else ""


def _parts(style: str) -> Iterator[tuple[str, str]]:
    """Foreground, background and, under an empty name, everything else of a style."""
    codes, other = style.split(";"), []
    while codes:
        length = _DIRECT.get(codes[1], 1) if codes[0] in ("38", "48") and len(codes) > 1 else 1
        code, codes = ";".join(codes[:length]), codes[length:]
        kind = _kind(int(code.partition(";")[0] or 0))
        if kind:
            yield kind, code
        else:
            other.append(code)
    yield "", ";".join(other)


def _kind(code: int) -> str:
    if 30 <= code <= 39 or 90 <= code <= 97:
        return "foreground"
    if 40 <= code <= 49 or 100 <= code <= 107:
        return "background"
    return ""
