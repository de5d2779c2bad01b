"""What a check of a server is, and what the products of a server ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .privileges import Use

USUAL_USES = frozenset(Use) - {Use.CUSTOM_CPU}


class CheckResult(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """One question, its answer, and what to do about it."""

    name: str
    result: CheckResult
    sentence: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotNeeds:
    """A product whose VMs may have snapshots, and where its disks are; storages empty: the template's."""

    product: str
    template: str
    linked: bool
    system_storage: str = ""
    additional_storage: str | None = None  # None: it has no additional disk


@dataclass(frozen=True, slots=True)
class ProductNeeds:
    """What the products of a server are made of and what they offer; templates are VMIDs or names."""

    templates: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    backup_storages: tuple[str, ...] = ()
    iso_storages: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    first_vmids: tuple[int, ...] = ()
    guests_path: str = "/vms"
    anti_spoofing: bool = True
    uses: frozenset[Use] = USUAL_USES
    snapshots: tuple[SnapshotNeeds, ...] = ()
