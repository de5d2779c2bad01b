"""What every DNS provider offers, and what it answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.plan import RecordChange
from engine.dns.records import LiveRecord


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one connection, for silence while reading, and for all that an opened provider does.

    `total` counts from the moment a provider is opened, so one batch has one deadline.
    """

    connect: float = 5.0
    read: float = 30.0
    total: float = 90.0


@dataclass(frozen=True, slots=True)
class ZoneCheck:
    """One check of `zone test`: passed, failed, or (None) unknown; and a sentence about it."""

    name: str
    ok: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class ZoneReport:
    """Whether a zone can be used: the checks in order, and what to do about the first that failed."""

    zone: str
    checks: tuple[ZoneCheck, ...]
    advice: str = ""

    @property
    def ok(self) -> bool:
        """True when nothing that was looked at failed."""
        return all(check.ok is not False for check in self.checks)

    @property
    def sentence(self) -> str:
        """The outcome in one line: what failed, in the provider's words, and the next step."""
        failed = next((check for check in self.checks if check.ok is False), None)
        if failed is None:
            return f"{self.zone}: {self.checks[-1].sentence if self.checks else 'nothing was checked'}"
        return f"{self.zone}: {failed.name}: {failed.sentence}" + (f" {self.advice}" if self.advice else "")


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """How one change ended: done (with the provider's id of the record), or why not.

    `down`: the server gave no answer.
    """

    change: RecordChange
    ok: bool
    sentence: str = ""
    kind: DnsErrorKind | None = None
    id: str = ""
    retry_after: float | None = None
    down: bool = False


class Provider(Protocol):
    """A zone at a provider. Only the sender of its server writes, and it holds that server's lease."""

    @property
    def zone(self) -> str:
        """The zone's normalised name."""

    def test(self) -> ZoneReport:
        """Looks, without writing, whether server, key, zone name and permission are right; never raises."""

    def read(self, names: Collection[tuple[str, str]]) -> list[LiveRecord]:
        """The live records of these names and types, and any CNAME at the names."""

    def apply(self, changes: Sequence[RecordChange]) -> list[ChangeResult]:
        """Carries out creates, replaces and deletes, each looked at first, and answers for each in order."""

    def close(self) -> None:
        """Closes the connection."""


def done(change: RecordChange, record_id: str = "", sentence: str = "") -> ChangeResult:
    """A change that holds now."""
    return ChangeResult(change, True, sentence, id=record_id)


def failed(change: RecordChange, error: ProviderError) -> ChangeResult:
    """A change that an error stopped."""
    return ChangeResult(
        change, False, error.sentence, error.kind, retry_after=error.retry_after, down=error.down
    )


def refused(change: RecordChange, kind: DnsErrorKind, sentence: str) -> ChangeResult:
    """A change that was not sent, and why."""
    return ChangeResult(change, False, sentence, kind)


def standing(old: LiveRecord | None, live: list[LiveRecord]) -> LiveRecord | None:
    """The record that was seen before, if name, type and content still match; an id alone proves nothing."""
    if old is None:
        return None
    same = [found for found in live if found.record.identity == old.record.identity]
    return next((found for found in same if found.id == old.id), same[0] if same else None)


def only_requested(found: list[LiveRecord], names: Collection[tuple[str, str]]) -> list[LiveRecord]:
    """Of a whole zone, the records of the names and types requested, and the CNAMEs at those names."""
    wanted = with_aliases(names)
    return [live for live in found if live.record.key in wanted]


def with_aliases(names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """The names and types requested, and the CNAME of each name, which would conflict."""
    return set(names) | {(name, "CNAME") for name, _ in names}
