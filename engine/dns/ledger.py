"""What we wrote at which provider, kept in the database: nothing outside it is ever deleted.

A record is entered as owed, with the mark `sent`, before it is sent; so a crash between sending and writing down
leaves it claimed. Debt that was never sent has no mark, and claims nothing that others may have written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.clock import now_ms
from engine.dns.plan import Change, ChangeKind
from engine.dns.provider import Result
from engine.dns.records import LedgerEntry, Record
from engine.store.database import in_transaction
from engine.store.models import DnsRecord

SENT = "sent"


def rows_of(vm_ids: Sequence[int], zone_id: int | None = None) -> list[DnsRecord]:
    """The ledger rows of machines, in one zone or in all."""
    query = DnsRecord.select().where(DnsRecord.vm.in_(list(vm_ids)))
    return list(query if zone_id is None else query.where(DnsRecord.zone == zone_id))


def entries(rows: Iterable[DnsRecord]) -> list[LedgerEntry]:
    """The rows that claim a live record."""
    return [
        LedgerEntry(record_of(row), "" if row.provider_id == SENT else row.provider_id)
        for row in rows
        if row.state in ("written", "doomed") or row.provider_id == SENT
    ]


def record_of(row: DnsRecord) -> Record:
    """A ledger row as a record."""
    return Record(row.name, row.type, row.content, row.ttl)


def owe(zone_id: int, vm_id: int, records: Iterable[Record], why: str) -> None:
    """Note records that could not be looked at, as debt that claims nothing yet."""
    wanted = list(records)

    def work() -> None:
        for record in wanted:
            row = _row(zone_id, record)
            if row is None:
                _insert(zone_id, vm_id, record, "owed", why)
            else:
                DnsRecord.update(error=why, vm=vm_id, updated_at=now_ms()).where(
                    DnsRecord.id == row.id
                ).execute()

    in_transaction(work)


def doom(zone_id: int, vm_ids: Sequence[int], keep: Iterable[Record]) -> None:
    """Mark the rows that are no longer wanted, before anything is sent; debt never sent is simply dropped."""
    kept = {record.identity for record in keep}

    def work() -> None:
        for row in rows_of(vm_ids, zone_id):
            if record_of(row).identity in kept:
                continue
            if row.state in ("owed", "conflict") and row.provider_id != SENT:
                row.delete_instance()
            else:
                DnsRecord.update(state="doomed", updated_at=now_ms()).where(DnsRecord.id == row.id).execute()

    in_transaction(work)


def about_to_send(zone_id: int, owner: dict[tuple[str, str, str], int], changes: Iterable[Change]) -> None:
    """Claim what is about to be created or replaced; called before it is sent."""

    def work() -> None:
        for change in changes:
            if change.kind in (ChangeKind.CREATE, ChangeKind.REPLACE):
                _set(zone_id, owner[change.record.identity], change.record, "owed", provider_id=SENT)

    in_transaction(work)


def keep_results(zone_id: int, owner: dict[tuple[str, str, str], int], results: Iterable[Result]) -> None:
    """Write down how each change ended."""

    def work() -> None:
        for result in results:
            _keep(zone_id, owner, result)

    in_transaction(work)


def _keep(zone_id: int, owner: dict[tuple[str, str, str], int], result: Result) -> None:
    change = result.change
    if change.kind is ChangeKind.DELETE:
        _deleted(zone_id, change.record, result)
        return
    vm_id = owner[change.record.identity]
    if not result.ok:
        _set(zone_id, vm_id, change.record, "owed", error=result.sentence, provider_id=SENT)
        return
    _set(zone_id, vm_id, change.record, "written", provider_id=result.id)
    if (
        change.kind is ChangeKind.REPLACE
        and change.old
        and change.old.record.identity != change.record.identity
    ):
        _forget(zone_id, change.old.record)


def _deleted(zone_id: int, record: Record, result: Result) -> None:
    if result.ok:
        _forget(zone_id, record)
    elif row := _row(zone_id, record):
        DnsRecord.update(state="doomed", error=result.sentence).where(DnsRecord.id == row.id).execute()


def conflict(zone_id: int, vm_id: int, record: Record, why: str) -> None:
    """Note that somebody else's record stands in the way."""
    in_transaction(lambda: _set(zone_id, vm_id, record, "conflict", error=why))


def forget(zone_id: int, records: Iterable[Record]) -> None:
    """Drop rows whose record is gone at the provider."""
    gone = list(records)

    def work() -> None:
        for record in gone:
            _forget(zone_id, record)

    in_transaction(work)


def _row(zone_id: int, record: Record) -> DnsRecord | None:
    return DnsRecord.get_or_none(
        DnsRecord.zone == zone_id,
        DnsRecord.name == record.name,
        DnsRecord.type == record.type,
        DnsRecord.content == record.content,
    )


def _forget(zone_id: int, record: Record) -> None:
    if row := _row(zone_id, record):
        row.delete_instance()


def _set(
    zone_id: int, vm_id: int, record: Record, state: str, error: str = "", provider_id: str = ""
) -> None:
    row = _row(zone_id, record)
    if row is None:
        _insert(zone_id, vm_id, record, state, error, provider_id)
        return
    DnsRecord.update(
        vm=vm_id, ttl=record.ttl, state=state, error=error, provider_id=provider_id, updated_at=now_ms()
    ).where(DnsRecord.id == row.id).execute()


def _insert(
    zone_id: int, vm_id: int, record: Record, state: str, error: str = "", provider_id: str = ""
) -> None:
    DnsRecord.insert(
        zone=zone_id,
        vm=vm_id,
        name=record.name,
        type=record.type,
        content=record.content,
        ttl=record.ttl,
        state=state,
        error=error,
        provider_id=provider_id,
    ).execute()
