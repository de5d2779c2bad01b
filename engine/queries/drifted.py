"""The VMs that differ from what was last applied to them, as the engine noted them in the last tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.store import kept
from engine.store.database import session
from engine.store.models import Server, Vm


@dataclass(frozen=True, slots=True)
class DriftedVms:
    """How many have drifted, and by service what differs; of very many only some are named."""

    total: int = 0
    differences: Mapping[int, str] = field(default_factory=dict)


def drifted() -> DriftedVms:
    """The VMs that have drifted, on every server."""
    with session():
        notes = kept.notes_of("drift")
        if not notes:
            return DriftedVms()
        known = {row.uid for row in Server.select(Server.uid)}
    total, found = 0, {}
    for uid, note in notes.items():
        if uid in known:
            total += note["total"]
            found.update({int(service): words for service, words in note["vms"].items()})
    return DriftedVms(total, dict(sorted(found.items())))


def is_drifted() -> Any:
    """The condition of `is:drifted`."""
    return Vm.service.in_(list(drifted().differences)) & (Vm.vm_status != "remove")
