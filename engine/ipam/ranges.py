"""The free-range table: what a pool can still hand out, as runs, lowest first.

Every operation looks up neighbours by index, so it costs O(log n) however many addresses the pool has or
has given away, and it never lists addresses. Callers hold the server's lock (engine.ipam.locks) inside
a transaction; these functions do not lock by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.ipam.spans import TOP, Span, chunks, key, merged, number
from engine.store.models import FreeRange


def lowest(pool_id: int, limit: int) -> list[Span]:
    """The lowest free runs of a pool, at most `limit` of them."""
    return [_span(row) for row in _of(pool_id).order_by(FreeRange.lo).limit(limit)]


def take_lowest(pool_id: int) -> int | None:
    """Take the lowest free address out of a pool; None when the pool is full."""
    first = next(iter(lowest(pool_id, 1)), None)
    if first is None:
        return None
    _shrink_front(pool_id, first)
    return first.lo


def take(pool_id: int, wanted: Span) -> bool:
    """Take a given run out of a pool; False, and nothing taken, unless all of it was free."""
    around = _reaching(pool_id, wanted.lo)
    if around is None or around.hi < wanted.hi:
        return False
    _drop(pool_id, [around])
    _insert(pool_id, _pieces(around, wanted))
    return True


def cut(pool_id: int, wanted: Span) -> None:
    """Take whatever part of a run is free out of a pool."""
    touched = _touching(pool_id, wanted)
    _drop(pool_id, touched)
    _insert(pool_id, (piece for each in touched for piece in _pieces(each, wanted)))


def give(pool_id: int, back: Span) -> None:
    """Make a run free and join it with the free runs beside it; what is free already stays so."""
    touched = _touching(pool_id, Span(max(back.lo - 1, 0), min(back.hi + 1, TOP)))
    [joined] = merged([back, *touched])
    if touched == [joined]:
        return
    _drop(pool_id, touched)
    _insert(pool_id, [joined])


def refill(pool_id: int, free: Iterable[Span]) -> None:
    """Replace all free runs of a pool by these, which come in order and do not touch one another."""
    FreeRange.delete().where(FreeRange.pool == pool_id).execute()
    _insert(pool_id, free)


def free_runs(pool_id: int) -> Iterator[Span]:
    """Every free run of a pool in order."""
    for row in _of(pool_id).order_by(FreeRange.lo).iterator():
        yield _span(row)


def _of(pool_id: int):  # type: ignore[no-untyped-def]
    return FreeRange.select(FreeRange.lo, FreeRange.hi).where(FreeRange.pool == pool_id)


def _span(row: FreeRange) -> Span:
    return Span(number(row.lo), number(row.hi))


def _reaching(pool_id: int, place: int) -> Span | None:
    """The free run that starts at or before a place, if it reaches that place."""
    row = _of(pool_id).where(FreeRange.lo <= key(place)).order_by(FreeRange.lo.desc()).first()
    found = None if row is None else _span(row)
    return found if found is not None and found.hi >= place else None


def _touching(pool_id: int, wanted: Span) -> list[Span]:
    """Every free run that shares an address with this one, in order."""
    before = _reaching(pool_id, wanted.lo)
    inside = _of(pool_id).where(FreeRange.lo > key(wanted.lo), FreeRange.lo <= key(wanted.hi))
    found = [_span(row) for row in inside.order_by(FreeRange.lo)]
    return found if before is None else [before, *found]


def _pieces(whole: Span, taken: Span) -> Iterator[Span]:
    if whole.lo < taken.lo:
        yield Span(whole.lo, taken.lo - 1)
    if taken.hi < whole.hi:
        yield Span(taken.hi + 1, whole.hi)


def _shrink_front(pool_id: int, first: Span) -> None:
    mine = (FreeRange.pool == pool_id) & (FreeRange.lo == key(first.lo))
    if first.size == 1:
        FreeRange.delete().where(mine).execute()
    else:
        FreeRange.update(lo=key(first.lo + 1)).where(mine).execute()


def _drop(pool_id: int, parts: list[Span]) -> None:
    for chunk in chunks(parts):
        starts = [key(each.lo) for each in chunk]
        FreeRange.delete().where(FreeRange.pool == pool_id, FreeRange.lo.in_(starts)).execute()


def _insert(pool_id: int, parts: Iterable[Span]) -> None:
    for chunk in chunks(parts):
        rows = [(pool_id, key(each.lo), key(each.hi)) for each in chunk]
        FreeRange.insert_many(rows, fields=[FreeRange.pool, FreeRange.lo, FreeRange.hi]).execute()
