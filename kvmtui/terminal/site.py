"""Opens the operator's site for a verb: configuration, log, database, key; and keeps --read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import Refused

_read_only = False


def set_read_only(on: bool) -> None:
    """From now on changing verbs are refused, or not."""
    global _read_only
    _read_only = on


def is_read_only() -> bool:
    """Whether this command line was started with --read-only."""
    return _read_only


@contextmanager
def opened() -> Iterator[None]:
    """The site's database, open while the block runs."""
    from kvmtui import config

    config.open_site(config.load())
    try:
        yield
    finally:
        config.close_site()


@contextmanager
def changing() -> Iterator[None]:
    """Like `opened`, for a verb that changes something: refused under --read-only."""
    if _read_only:
        raise Refused("Nothing was changed: kvmtui was started with --read-only. Run it without.")
    with opened():
        yield
