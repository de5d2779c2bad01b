"""Makes the database match a manifest: all of it in one transaction, or nothing.

A dry run does the same and rolls it back, so that its plan is what an apply would do. VMs are never changed: what a
change means for them is recorded, shown as pending, and waits for change-package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from engine.actions.clients import put_client
from engine.actions.pools import put_pool
from engine.actions.products import put_product
from engine.actions.repository import PutResult
from engine.actions.servers import put_server
from engine.actions.services import put_services, request_change
from engine.actions.settings import put_settings
from engine.actions.zones import put_zone
from engine.audit import Actor
from engine.errors import Refused
from engine.queries.inventory import ProductChange, pending_among, services_of_products
from engine.store.database import in_transaction
from kvmtui.manifest.checking import Checked, ManifestItem, check
from kvmtui.manifest.references import REFERENCES


@dataclass(frozen=True, slots=True)
class PendingService:
    """What a VM does not have yet of its new plan."""

    service: int
    changes: list[ProductChange]


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What applying a manifest did, or would do."""

    dry_run: bool
    plan: list[PutResult]
    pending: list[PendingService] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)

    @property
    def changed(self) -> int:
        """How many objects were made or changed."""
        return sum(outcome.verb != "same" for outcome in self.plan)


class _TakeBack(Exception):
    """Ends a transaction that is not to be kept."""

    def __init__(self, report: ApplyReport) -> None:
        super().__init__()
        self.report = report


def apply(
    source: Path | Mapping[str, Any], actor: Actor, dry_run: bool = False, change_package: bool = False
) -> ApplyReport:
    """Make the database match the manifest, a file or its document.

    Raises BadManifest with every fault and changes nothing when there is one.
    """
    file = check(source)

    def work() -> ApplyReport:
        faults_before = len(file.faults)
        report = _applied(file, actor, dry_run, change_package)
        faults, file.faults[faults_before:] = list(file.faults), []
        if dry_run or faults:
            file.faults[:] = faults
            raise _TakeBack(report)
        return report

    try:
        return in_transaction(work)
    except _TakeBack as taken:
        file.raise_faults()
        return taken.report


def _applied(file: Checked, actor: Actor, dry_run: bool, change_package: bool) -> ApplyReport:
    plan = list(_outcomes(file, actor))
    pending = [] if file.faults else _pending(plan)
    queued = request_change([each.service for each in pending], actor) if pending and change_package else []
    return ApplyReport(dry_run, plan, pending, queued)


def _outcomes(file: Checked, actor: Actor) -> Iterator[PutResult]:
    for section, group in groupby(file.items, key=lambda item: item.section):
        items = [item for item in group if not _leans_on_broken(item, file)]
        if section == "services":
            answers = put_services([item.form for item in items], actor)
        else:
            answers = [_put(item, actor) for item in items]
        for item, answer in zip(items, answers, strict=True):
            if isinstance(answer, PutResult):
                yield answer
            else:
                file.refuse(item.place, answer)
                file.broken[section].add(str(getattr(item.form, "name", "")))


_PUT: dict[str, Callable[[Any, Actor], PutResult]] = {
    "servers": put_server,
    "pools": put_pool,
    "zones": put_zone,
    "products": put_product,
    "clients": put_client,
}


def _put(item: ManifestItem, actor: Actor) -> PutResult | Refused:
    try:
        if item.section == "settings":
            return put_settings(str(item.place[1]), item.form, actor)
        return _PUT[item.section](item.form, actor)
    except Refused as refusal:
        return refusal


def _leans_on_broken(item: ManifestItem, file: Checked) -> bool:
    """Whether it names an object of the file that has errors: those are reported, not their consequences."""
    leans = REFERENCES.get(item.section, {})
    broken = any(getattr(item.form, name) in file.broken[section] for name, section in leans.items())
    if broken:
        file.broken[item.section].add(str(getattr(item.form, "name", "")))
    return broken


def _pending(plan: list[PutResult]) -> list[PendingService]:
    """The changes that VMs of changed services and products do not have yet."""
    changed: dict[str, list[Any]] = {outcome.kind: [] for outcome in plan} | {"service": [], "product": []}
    for outcome in plan:
        if outcome.verb == "change":
            changed[outcome.kind].append(outcome.id)
    touched = {int(number) for number in changed["service"]}
    touched |= set(services_of_products([int(number) for number in changed["product"]]))
    return [PendingService(view.id, view.pending) for view in pending_among(sorted(touched))]
