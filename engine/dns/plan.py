"""The smallest set of changes that brings a zone to what is wanted, without touching what is not ours.

Ours is a record that the ledger says we wrote and whose live content is still what we wrote. Everything
else is foreign: it is reported where it meets a name of ours, and left. Nothing is deleted only to be
created again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.dns.names import is_reverse
from engine.dns.records import LedgerEntry, LiveRecord, Record

Key = tuple[str, str]


class ChangeKind(StrEnum):
    """What a line of a plan does; `foreign` and `conflict` do nothing and say why."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"
    KEEP = "keep"
    FOREIGN = "foreign"
    CONFLICT = "conflict"


SIGNS = {
    ChangeKind.CREATE: "+",
    ChangeKind.REPLACE: "~",
    ChangeKind.DELETE: "-",
    ChangeKind.KEEP: "=",
    ChangeKind.FOREIGN: "!",
    ChangeKind.CONFLICT: "!",
}
WRITES = frozenset({ChangeKind.CREATE, ChangeKind.REPLACE, ChangeKind.DELETE})


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One line of a plan: the change of a record, its previous content, whether it is ours, and why."""

    kind: ChangeKind
    record: Record
    old: LiveRecord | None = None
    reason: str = ""
    ours: bool = True

    def __str__(self) -> str:
        text = f"{SIGNS[self.kind]} {self.record}"
        if self.kind is ChangeKind.REPLACE and self.old is not None:
            before = self.old.record
            text += (
                f" (was {before.content})"
                if before.content != self.record.content
                else f" (TTL was {before.ttl})"
            )
        return f"{text}: {self.reason}" if self.reason else text


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """All changes of one zone, and the ledger entries whose record is gone and no longer wanted."""

    changes: tuple[RecordChange, ...]
    gone: tuple[LedgerEntry, ...] = ()

    @property
    def writes(self) -> tuple[RecordChange, ...]:
        """The changes that a provider has to carry out."""
        return tuple(change for change in self.changes if change.kind in WRITES)

    @property
    def conflicts(self) -> tuple[RecordChange, ...]:
        """The wanted records that cannot be written because of a foreign one."""
        return tuple(change for change in self.changes if change.kind is ChangeKind.CONFLICT)

    def lines(self) -> list[str]:
        """The plan as an operator reads it, one line per record."""
        return [str(change) for change in self.changes]


def make_plan(
    wanted: Iterable[Record], live: Iterable[LiveRecord], ledger: Iterable[LedgerEntry]
) -> ZonePlan:
    """The minimal plan for one zone; `live` must hold every record at the names of `wanted` and `ledger`."""
    want = {record.identity: record for record in wanted}
    entries = list(dict.fromkeys(ledger))
    keys = sorted({record.key for record in want.values()} | {entry.record.key for entry in entries})
    live_by_key: dict[Key, list[LiveRecord]] = defaultdict(list)
    for found in live:
        live_by_key[found.record.key].append(found)
    changes: list[RecordChange] = []
    gone: list[LedgerEntry] = []
    for key in keys:
        here = _RecordSet(
            [record for record in want.values() if record.key == key],
            live_by_key[key],
            [entry for entry in entries if entry.record.key == key],
            live_by_key[(key[0], "CNAME")] if key[1] != "CNAME" else [],
        )
        changes += here.changes()
        gone += here.gone
    return ZonePlan(tuple(changes), tuple(gone))


class _RecordSet:
    """One name and type: what is wanted there, what of the live records is ours, and what is not."""

    def __init__(
        self,
        wanted: list[Record],
        live: list[LiveRecord],
        ledger: list[LedgerEntry],
        aliases: list[LiveRecord],
    ) -> None:
        self.ours, self.foreign, self._lost = _split(live, ledger)
        self.wanted = [self._with_shared_ttl(record) for record in sorted(wanted, key=lambda r: r.content)]
        self.aliases = aliases
        contents = {record.identity for record in wanted}
        self.gone = [entry for entry in self._lost if entry.record.identity not in contents]

    def _with_shared_ttl(self, record: Record) -> Record:
        # A record set has one TTL. Where others have records in it, theirs stands.
        served = [found for found in self.foreign if not found.disabled and not found.proxied]
        return replace(record, ttl=served[0].record.ttl) if served else record

    def changes(self) -> list[RecordChange]:
        if self.aliases and self.wanted:
            return self._behind_alias()
        missing, result = self._settled()
        wanted = {record.identity for record in self.wanted}
        surplus = [found for found in self.ours if found.record.identity not in wanted]
        for record, old in zip(missing, surplus, strict=False):
            result.append(RecordChange(ChangeKind.REPLACE, record, old))
        result += [RecordChange(ChangeKind.CREATE, record) for record in missing[len(surplus) :]]
        result += [RecordChange(ChangeKind.DELETE, old.record, old) for old in surplus[len(missing) :]]
        return result + self._foreign(wanted)

    def _settled(self) -> tuple[list[Record], list[RecordChange]]:
        """The wanted records that are not there yet, and the lines of those that are."""
        missing: list[Record] = []
        result: list[RecordChange] = []
        for record in self.wanted:
            mine = next((f for f in self.ours if f.record.identity == record.identity), None)
            theirs = next((f for f in self.foreign if f.record.identity == record.identity), None)
            if mine is not None:
                result.append(_present(record, mine))
            elif theirs is not None:
                result.append(_present_but_foreign(record, theirs))
            else:
                missing.append(record)
        return missing, result

    def _foreign(self, wanted: set[tuple[str, str, str]]) -> list[RecordChange]:
        return [
            RecordChange(
                ChangeKind.FOREIGN,
                found.record,
                found,
                "not written by this console, left as it is",
                ours=False,
            )
            for found in self.foreign
            if found.record.identity not in wanted
        ]

    def _behind_alias(self) -> list[RecordChange]:
        """What is wanted cannot exist beside a CNAME; what is ours already cannot either, so only this is
        said.
        """
        target = self.aliases[0].record.content
        if is_reverse(self.wanted[0].name):
            why = f"the name is delegated by a CNAME to {target}, where the PTR belongs"
            return [
                RecordChange(ChangeKind.FOREIGN, record, self.aliases[0], why, ours=False)
                for record in self.wanted
            ]
        why = f"a CNAME to {target} holds this name; remove it, or rename the VM"
        return [
            RecordChange(ChangeKind.CONFLICT, record, self.aliases[0], why, ours=False)
            for record in self.wanted
        ]


def _split(
    live: list[LiveRecord], ledger: list[LedgerEntry]
) -> tuple[list[LiveRecord], list[LiveRecord], list[LedgerEntry]]:
    """Live records that are ours, those that are foreign, and ledger entries with no live record.

    Each entry claims one live record of its content, the one of its id first: of two equal records one may
    be foreign.
    """
    unclaimed = list(live)
    ours: list[LiveRecord] = []
    lost: list[LedgerEntry] = []
    for entry in ledger:
        same = [found for found in unclaimed if found.record.identity == entry.record.identity]
        if not same:
            lost.append(entry)
            continue
        claimed = next((found for found in same if entry.id and found.id == entry.id), same[0])
        unclaimed.remove(claimed)
        ours.append(claimed)
    return ours, unclaimed, lost


def _present(record: Record, found: LiveRecord) -> RecordChange:
    if found.disabled:
        return RecordChange(
            ChangeKind.FOREIGN, record, found, "switched off at the provider, so it is not served"
        )
    if found.record.ttl != record.ttl and not found.proxied:
        return RecordChange(ChangeKind.REPLACE, record, found)
    return RecordChange(ChangeKind.KEEP, record, found)


def _present_but_foreign(record: Record, found: LiveRecord) -> RecordChange:
    if found.disabled:
        return RecordChange(
            ChangeKind.FOREIGN, record, found, "there but switched off, and not ours to switch on", ours=False
        )
    return RecordChange(
        ChangeKind.KEEP, record, found, "already there, not written by this console", ours=False
    )
