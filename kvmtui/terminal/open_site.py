"""Opens the operator's site for a verb: configuration, log, database, key; and keeps --read-only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.errors import Refused
from engine.roles import Role

_read_only = False


def set_read_only(on: bool) -> None:
    """From now on changing verbs are refused, or not."""
    global _read_only
    _read_only = on


@contextmanager
def opened() -> Iterator[None]:
    """The site's database, open while the block runs; refused to whoever may not read."""
    from kvmtui import config

    found = config.load()
    config.use_operators(found)
    need(Role.VIEWER, "read the site")
    config.open_site(found)
    try:
        yield
    finally:
        config.close_site()


class _Undo(Exception):
    """Ends the transaction of a dry run."""


@contextmanager
def changing(dry_run: bool = False) -> Iterator[None]:
    """Like `opened`, for a verb that changes something: refused under --read-only.

    With `dry_run` the block runs in a transaction that is rolled back, so its answer is what would be done.
    """
    if dry_run:
        from engine.store.database import transaction

        with opened(), suppress(_Undo), transaction():
            yield
            raise _Undo
        return
    refuse_read_only()
    with opened():
        yield


def need(role: Role, what: str) -> None:
    """Refuse an operator whose role is too small, for what no action stands for."""
    from engine.actions.permission import Needs, require
    from engine.audit import current_actor

    require(current_actor("cli"), Needs(role, what, whole_site=True))


def refuse_read_only() -> None:
    """Refuse a change under --read-only."""
    if _read_only:
        raise Refused("Nothing was changed: kvmtui was started with --read-only. Run it without.")
