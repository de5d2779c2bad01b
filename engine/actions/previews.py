"""What a request would do: it is made, read, and undone in one transaction, so that every guard speaks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from engine.actions.requests import Queued
from engine.pipelines.registry import catalog
from engine.store.database import transaction
from engine.store.models import Request


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen: the request, what it says, and the steps of its pipeline in their order."""

    action: str
    sentence: str
    steps: tuple[str, ...]


class _UndoPreview(Exception):
    """Ends the transaction of a preview."""


def preview(work: Callable[[], Queued]) -> Preview:
    """What `work` would queue; it is refused exactly as the request itself would be, and nothing is kept."""
    found: list[Preview] = []
    with suppress(_UndoPreview), transaction():
        queued = work()
        row = Request.get_or_none(Request.id == queued.request_id)
        steps = catalog().named(row.pipeline).steps if row is not None else ()
        action = row.action if row is not None else queued.action
        found.append(Preview(action, queued.sentence, tuple(step.label for step in steps)))
        raise _UndoPreview
    return found[0]
