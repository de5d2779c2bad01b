"""Takes one guard at a time out of the engines, to show that the world notices."""

from __future__ import annotations


def remove(name: str) -> None:
    """Take a guard out of this process; an empty name leaves all in place."""
    if not name:
        return
    raise SystemExit(f"there is no guard {name}")
