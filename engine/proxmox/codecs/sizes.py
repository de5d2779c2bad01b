"""Sizes as Proxmox writes them (`32G`, `4M`, `528K`) and as bytes."""

from __future__ import annotations

import re

GIB = 1024**3
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": GIB, "T": 1024**4}
_SIZE = re.compile(r"(\d+)(?:\.(\d+))?([KMGT]?)")


def parse_size(text: str | None) -> int | None:
    """The bytes of a size text, or None if it is none."""
    match = _SIZE.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    whole, fraction, unit = match.groups()
    scale = _UNITS[unit]
    part = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return int(whole) * scale + part


def size_text(size: int) -> str:
    """The shortest exact text for so many bytes."""
    for unit in ("T", "G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def gib_text(gib: int) -> str:
    """An absolute size in GiB, the only form in which a resize is sent."""
    return f"{gib}G"
