"""Views as JSON documents: the same field names and times for `--json` and for the HTTP API."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.clock import iso

if TYPE_CHECKING:
    from engine.queries.runs import RunView


def plain(value: Any) -> Any:
    """Views as dictionaries, their moments as ISO 8601 UTC with Z."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if (fields := _fields(kind)) is not None:
        return {
            name: iso(getattr(value, name)) if moment else plain(getattr(value, name))
            for name, moment in fields
        }
    if isinstance(value, Mapping):
        return {str(key): _plain_item(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _plain_item(name: str, value: Any) -> Any:
    """A column of a record as the audit keeps it: those ending in `_at` are moments."""
    return iso(value) if name.endswith("_at") and type(value) is int else plain(value)


_AS_THEY_ARE = frozenset((str, int, float, bool, type(None)))


_known: dict[type, tuple[tuple[str, bool], ...] | None] = {}


def _fields(kind: type) -> tuple[tuple[str, bool], ...] | None:
    """The fields of a view, and whether each is a moment; None for anything else."""
    if kind not in _known:
        _known[kind] = (
            tuple((each.name, "Moment" in str(each.type)) for each in dataclasses.fields(kind))
            if dataclasses.is_dataclass(kind)
            else None
        )
    return _known[kind]


def run_document(run: RunView) -> dict[str, Any]:
    """A run with its steps, as `vm log --json` shows it."""
    return {
        "id": run.id,
        "action": run.action,
        "from": run.from_status,
        "to": run.to_status,
        "result": run.result,
        "started": iso(run.started),
        "finished": iso(run.finished),
        "seconds": run.seconds,
        "error": run.error or None,
        "asked_by": run.asked_by or None,
        "steps": [
            {
                "n": step.n,
                "step": step.step,
                "label": step.label,
                "from": step.from_status,
                "to": step.to_status,
                "result": step.result,
                "started": iso(step.started),
                "seconds": step.seconds,
                "error": step.error or None,
                "notes": step.notes,
            }
            for step in run.steps
        ],
    }
