"""The ledger of DNS records: what we wrote at which provider, and the queue of what is to be changed there.

Nothing outside it is deleted. A row with a `due_at` is work: it is sent, or checked, by the sender of its zone's
server. Every request raises its `revision`, so a sender that was already at work settles only what it has read. A row
is `claimed` before it is sent: after a crash between sending and writing down, the record is still known as ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from peewee import fn

from engine.clock import now_ms
from engine.dns.plan import ChangeKind, RecordChange
from engine.dns.records import LedgerEntry, Record
from engine.redact import redact
from engine.store.database import in_transaction, is_postgres, now_expression, session
from engine.store.models import DnsRecord

AT_ONCE = 500  # names or numbers in one query
Identity = tuple[str, str, str]
Place = tuple[int, str, str, str]


def record_of(row: DnsRecord) -> Record:
    """A ledger row as a record."""
    return Record(row.name, row.type, row.content, row.ttl)


def identity_of(row: DnsRecord) -> Identity:
    """What makes a row's record this record, its TTL aside."""
    return record_of(row).identity


def _place(row: DnsRecord) -> Place:
    return (row.zone_id, row.name, row.type, row.content)


def entries(rows: Iterable[DnsRecord]) -> list[LedgerEntry]:
    """The rows that claim a live record."""
    return [LedgerEntry(record_of(row), row.provider_id) for row in rows if row.claimed]


def rows_of(vm_ids: Sequence[int], zone_id: int | None = None) -> list[DnsRecord]:
    """The ledger rows of VMs, in one zone or in all."""
    found: list[DnsRecord] = []
    for part in _parts(vm_ids):
        query = DnsRecord.select().where(DnsRecord.vm.in_(part))
        found += list(query if zone_id is None else query.where(DnsRecord.zone == zone_id))
    return found


def request(wanted: dict[int, dict[int, list[Record]]]) -> dict[int, list[DnsRecord]]:
    """Queue what VMs should have, by VM and zone; what they have beyond it is queued for deletion.

    Returns the rows to wait for, by VM. An already published record is checked. Call it inside a transaction.
    """
    known = defaultdict(list)
    for row in _locked_rows_of(list(wanted)):
        known[row.vm_id].append(row)
    asked: dict[int, list[DnsRecord]] = {}
    fresh: dict[Place, dict[str, Any]] = {}
    for vm_id, by_zone in wanted.items():
        records = {(zone, *each.identity): each for zone, some in by_zone.items() for each in some}
        mine = {_place(row): row for row in known[vm_id]}
        stay = [row for place, row in mine.items() if place in records]
        for row in stay:
            row.ttl = records[_place(row)].ttl
        asked[vm_id] = _unwanted([row for place, row in mine.items() if place not in records])
        asked[vm_id] += _again(stay, vm_id)
        fresh |= {
            place: _values(place[0], vm_id, each) for place, each in records.items() if place not in mine
        }
    for row in _inserted(fresh):
        asked[row.vm_id].append(row)
    return asked


def _locked_rows_of(vm_ids: Sequence[int]) -> list[DnsRecord]:
    """The rows of VMs, kept from senders until the end of the transaction."""
    rows: list[DnsRecord] = []
    for part in _parts(vm_ids):
        query = DnsRecord.select().where(DnsRecord.vm.in_(part)).order_by(DnsRecord.id)
        rows += list(query.for_update() if is_postgres() else query)
    return rows


def _unwanted(rows: list[DnsRecord]) -> list[DnsRecord]:
    """Queue deletions; what was never sent is dropped."""
    for part in _parts([row.id for row in rows if not row.claimed]):
        DnsRecord.delete().where(DnsRecord.id.in_(part)).execute()
    ours = [row for row in rows if row.claimed]
    return _requested(ours, state="deleting")


def _again(rows: list[DnsRecord], vm_id: int) -> list[DnsRecord]:
    """Queue records that are already in the ledger: a published one is checked."""
    by_values = defaultdict(list)
    for row in rows:
        by_values["written" if row.state == "written" else "pending", row.ttl].append(row)
    return [
        row
        for (state, ttl), some in by_values.items()
        for row in _requested(some, state=state, ttl=ttl, vm=vm_id)
    ]


def _requested(rows: list[DnsRecord], **changes: Any) -> list[DnsRecord]:
    changes |= {"due_at": 0, "attempts": 0, "error": "", "note": ""}
    for part in _parts([row.id for row in rows]):
        DnsRecord.update(revision=DnsRecord.revision + 1, updated_at=now_ms(), **changes).where(
            DnsRecord.id.in_(part)
        ).execute()
    for row in rows:
        row.revision += 1
        for name, value in changes.items():
            setattr(row, name, value)
    return rows


def _values(zone_id: int, vm_id: int, record: Record) -> dict[str, Any]:
    facts = {"name": record.name, "type": record.type, "content": record.content, "ttl": record.ttl}
    return {"zone": zone_id, "vm": vm_id, **facts, "state": "pending", "due_at": 0, "updated_at": now_ms()}


def _inserted(values: dict[Place, dict[str, Any]]) -> list[DnsRecord]:
    """Write new rows. A record that another VM has in the ledger is this VM's from now on."""
    rows: list[DnsRecord] = []
    for part in _parts(list(values.items()), 100):
        DnsRecord.insert_many([each for _, each in part]).on_conflict_ignore().execute()
        mine = dict(part)
        for row in _rows_at({place[:2] for place in mine}):
            if (own := mine.get(_place(row))) is None:
                continue
            rows += [row] if row.vm_id == own["vm"] else _again([row], own["vm"])
    return rows


def _rows_at(places: set[tuple[int, str]]) -> list[DnsRecord]:
    """Every row at these names of these zones."""
    by_zone = defaultdict(list)
    for zone_id, name in places:
        by_zone[zone_id].append(name)
    return [
        row
        for zone_id, names in by_zone.items()
        for part in _parts(sorted(names))
        for row in DnsRecord.select().where(DnsRecord.zone == zone_id, DnsRecord.name.in_(part))
    ]


# --- the queue ---


def due_zones() -> dict[int, int]:
    """Zones with work, and the milliseconds until the first of it is due."""
    now = now_expression()
    query = DnsRecord.select(DnsRecord.zone, fn.MIN(DnsRecord.due_at) - now)
    with session():
        found = query.where(DnsRecord.due_at.is_null(False)).group_by(DnsRecord.zone).tuples()
        return {zone_id: max(0, wait) for zone_id, wait in found}


def retry_zone(zone_id: int) -> None:
    """Make everything that waits in a zone due now. Call it inside a transaction."""
    DnsRecord.update(due_at=0).where(DnsRecord.zone == zone_id, DnsRecord.due_at.is_null(False)).execute()


@dataclass(slots=True)
class Work:
    """What is to be done in a zone: the rows that are due, and every row at their names."""

    zone_id: int
    due: list[DnsRecord]
    around: list[DnsRecord]

    @property
    def keys(self) -> set[tuple[str, str]]:
        """The names and types to look at."""
        return {record_of(row).key for row in self.due}

    @property
    def wanted(self) -> list[Record]:
        """What should be there."""
        return [record_of(row) for row in self.around if row.state != "deleting"]

    @property
    def rows(self) -> dict[Identity, DnsRecord]:
        """The rows by what their record is."""
        return {identity_of(row): row for row in self.around}


def work_in(zone_id: int, at_most: int) -> Work:
    """The work that is due in a zone, the oldest first."""
    _drop_orphans(zone_id)
    due = list(
        DnsRecord.select()
        .where(DnsRecord.zone == zone_id, DnsRecord.due_at <= now_expression())
        .order_by(DnsRecord.due_at, DnsRecord.id)
        .limit(at_most)
    )
    keys = {record_of(row).key for row in due}
    around = [row for row in _rows_at({(zone_id, name) for name, _ in keys}) if record_of(row).key in keys]
    return Work(zone_id, due, around)


def _drop_orphans(zone_id: int) -> None:
    """Nobody wants a record any more whose VM is gone before it was written."""
    orphans = (
        (DnsRecord.zone == zone_id)
        & DnsRecord.vm.is_null()
        & DnsRecord.due_at.is_null(False)
        & DnsRecord.state.in_(("pending", "conflict"))
    )
    if not DnsRecord.select().where(orphans).exists():
        return

    def write() -> None:
        DnsRecord.delete().where(orphans, ~DnsRecord.claimed).execute()
        DnsRecord.update(state="deleting").where(orphans).execute()

    in_transaction(write)


def claim(work: Work, changes: Sequence[RecordChange], fence: Callable[[], None]) -> list[RecordChange]:
    """Note what is about to be sent; returns the changes that may be. One whose row was requested again is omitted.

    The fence stops a sender that was replaced: its successor must find a note of whatever was sent.
    """

    def write() -> list[RecordChange]:
        fence()
        current = _current([row.id for row in work.around])
        rows = work.rows
        sound = [each for each in changes if all(_is_current(row, current) for row in _touched(each, rows))]
        created = [
            rows[each.record.identity].id
            for each in sound
            if each.kind is not ChangeKind.DELETE and not rows[each.record.identity].claimed
        ]
        for part in _parts(created):
            DnsRecord.update(claimed=True).where(DnsRecord.id.in_(part)).execute()
        return sound

    return in_transaction(write)


def _touched(change: RecordChange, rows: dict[Identity, DnsRecord]) -> list[DnsRecord | None]:
    old = change.old.record.identity if change.old is not None else None
    touched = [rows.get(change.record.identity)]
    return touched if old in (None, change.record.identity) else [*touched, rows.get(old or ("", "", ""))]


def _is_current(row: DnsRecord | None, current: dict[int, DnsRecord]) -> bool:
    return row is not None and row.id in current and current[row.id].revision == row.revision


def _current(ids: Sequence[int]) -> dict[int, DnsRecord]:
    """Revisions and errors of rows as they are now, kept from requests until the end of the transaction."""
    found: dict[int, DnsRecord] = {}
    for part in _parts(ids):
        query = DnsRecord.select(DnsRecord.id, DnsRecord.revision, DnsRecord.error).where(
            DnsRecord.id.in_(part)
        )
        if is_postgres():
            query = query.order_by(DnsRecord.id).for_update()
        found.update({row.id: row for row in query})
    return found


@dataclass(slots=True)
class LedgerUpdate:
    """What became of a row: its new state (none: the row goes), or an error and the seconds until the next attempt."""

    state: str = ""
    claimed: bool = False
    provider_id: str = ""
    note: str = ""
    error: str = ""
    pause_s: float | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The columns it sets."""
        return {
            "claimed": self.claimed,
            "provider_id": self.provider_id,
            "note": redact(self.note),
            "error": redact(self.error),
            "updated_at": now_ms(),
        }


@dataclass(slots=True)
class Settled:
    """Rows that are done, and whether their error had been reported before."""

    done: list[DnsRecord] = field(default_factory=list)

    @property
    def retried(self) -> list[DnsRecord]:
        """Those that had failed before."""
        return [row for row in self.done if row.error]


def settle(outcomes: Sequence[tuple[DnsRecord, LedgerUpdate]], check_again_s: float = 0.0) -> Settled:
    """Write down what became of rows. One that was requested again keeps its request. Call it inside a transaction.
    With `check_again_s`, rows that are done are checked once more after that time.
    """
    again = now_expression() + int(check_again_s * 1000) if check_again_s else None
    settled = Settled()
    current = _current([row.id for row, _ in outcomes])
    gone: list[int] = []
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row, outcome in outcomes:
        if row.id not in current:
            continue
        row.error = current[row.id].error
        if not _is_current(row, current):
            _note_claim(row, outcome)
        elif not outcome.state and not outcome.error:
            gone.append(row.id)
            settled.done.append(row)
        elif outcome.pause_s is None:
            alike[(outcome.state, *outcome.values.items())].append(row.id)
            settled.done.append(row)
        else:
            _put_off(row, outcome)
    for part in _parts(gone):
        checked = DnsRecord.update(state="deleting", due_at=again, attempts=0, error="")
        (DnsRecord.delete() if again is None else checked).where(DnsRecord.id.in_(part)).execute()
    for (state, *values), ids in alike.items():
        for part in _parts(ids):
            DnsRecord.update(state=state, due_at=again, attempts=0, **dict(values)).where(
                DnsRecord.id.in_(part)
            ).execute()
    return settled


def _note_claim(row: DnsRecord, outcome: LedgerUpdate) -> None:
    """The row is still pending; only whether a live record is ours is new."""
    DnsRecord.update(claimed=outcome.claimed, provider_id=outcome.provider_id).where(
        DnsRecord.id == row.id
    ).execute()


def _put_off(row: DnsRecord, outcome: LedgerUpdate) -> None:
    DnsRecord.update(
        state=outcome.state or row.state,
        attempts=DnsRecord.attempts + 1,
        due_at=now_expression() + int((outcome.pause_s or 0) * 1000),
        **outcome.values,
    ).where(DnsRecord.id == row.id).execute()


def put_off(rows: Sequence[DnsRecord], error: str, pause_s: float) -> None:
    """Rows whose zone could not be processed: retried after a pause. Call it inside a transaction."""
    due, text = now_expression() + int(pause_s * 1000), redact(error)
    for part in _parts([row.id for row in rows]):
        DnsRecord.update(attempts=DnsRecord.attempts + 1, error=text, due_at=due).where(
            DnsRecord.id.in_(part), DnsRecord.due_at.is_null(False)
        ).execute()


# --- waiting for an answer ---


def unanswered(rows: Sequence[DnsRecord]) -> list[DnsRecord]:
    """Of these rows, those neither settled nor refused since their request. One to be checked again is settled."""
    asked = {row.id: row.revision for row in rows}
    still = _by_id(list(asked), DnsRecord.due_at <= now_expression())
    return [row for row in still if not row.error and row.revision == asked[row.id]]


def give_up_waiting(rows: Sequence[DnsRecord], why: dict[int, str]) -> dict[int, DnsRecord]:
    """Note why rows are still pending, by zone, and return all of them in their current state."""

    def write() -> dict[int, DnsRecord]:
        waiting = unanswered(rows)
        for row in waiting:
            DnsRecord.update(error=redact(why[row.zone_id])).where(
                DnsRecord.id == row.id, DnsRecord.revision == row.revision, DnsRecord.due_at.is_null(False)
            ).execute()
        return {row.id: row for row in _by_id([row.id for row in rows])}

    return in_transaction(write)


def _by_id(ids: Sequence[int], *more: Any) -> list[DnsRecord]:
    return [row for part in _parts(ids) for row in DnsRecord.select().where(DnsRecord.id.in_(part), *more)]


def _parts(items: Sequence[Any], size: int = AT_ONCE) -> Iterable[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
