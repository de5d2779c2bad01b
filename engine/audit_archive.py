"""Moves old audit rows into a file whose hash chain still verifies.

The order makes a crash harmless: the file is written, synced and read back before anything else; then one transaction
records it, with an audit row of its own; only then are the rows deleted, page by page. Until the record is committed
every row is in the database; from then on every row is in a file that was verified. The newest row always stays.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from peewee import fn

from engine import audit
from engine.actions.permission import needs
from engine.audit import Actor, Chain
from engine.clock import Moment, stamp
from engine.errors import Failed, Refused
from engine.roles import Role
from engine.store import files
from engine.store.database import in_transaction, session
from engine.store.locks import Lock, exclusive
from engine.store.models import Audit, AuditArchive, Service

_FIELDS = (
    "id", "at", "login", "ssh_client", "source", "action", "kind", "object_id", "object_name",
    "reason", "before", "after", "result", "previous_hash", "hash",
)  # fmt: skip
_PAGE = 500
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """What a file holds: which rows, the hashes at both ends, its checksum, and what is wrong with it."""

    path: str
    sha256: str
    rows: int
    first_id: int
    last_id: int
    previous_hash: str
    last_hash: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """An archive that the database knows of."""

    path: str
    first_id: int
    last_id: int
    sha256: str
    at: Moment


def archives() -> list[ArchiveView]:
    """Every archive, the oldest first."""
    with session():
        return [
            ArchiveView(row.path, row.first_id, row.last_id, row.sha256, row.at)
            for row in AuditArchive.select().order_by(AuditArchive.last_id)
        ]


@needs(Role.OWNER, "archive the audit log", whole_site=True)
def archive(path: Path, before: Moment, actor: Actor) -> ArchiveFile:
    """Move the rows older than a moment into a new file; refused when there are none or the file exists."""
    path = path.absolute()
    with session():
        delete_archived()  # what a crash left of the last time
        newest = audit.newest_archive()
        first = newest.last_id if newest else 0
        last = _last_before(before)
        if last is None or last <= first:
            raise Refused(f"No audit rows are older than {stamp(before)} UTC; nothing was archived.")
        written = _write(path, first, last, newest.last_hash if newest else "")
        try:
            in_transaction(lambda: _record(written, first, actor))
        except Refused:  # certainly not recorded; after any other error the file may be all there is
            path.unlink(missing_ok=True)
            raise
        delete_archived()
    return written


def _last_before(before: Moment) -> int | None:
    """The last of the rows that are all older; the newest row stays, for the chain continues from it."""
    newest = Audit.select(fn.MAX(Audit.id)).scalar()
    younger = Audit.select(fn.MIN(Audit.id)).where((Audit.at >= before) | (Audit.id == newest)).scalar()
    return Audit.select(fn.MAX(Audit.id)).where(Audit.id < younger).scalar() if younger is not None else None


def _write(path: Path, first: int, last: int, expected: str) -> ArchiveFile:
    """Write rows into a file and read it back. Its name appears only when it is whole and on the disk."""
    if not path.parent.is_dir():
        raise Refused(f"The folder {path.parent} does not exist; create it first. Nothing was archived.")
    if os.path.lexists(path):
        raise Refused(f"The file {path} exists; an archive never overwrites. Name another file.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        files.write_private(unfinished, b"")
        with unfinished.open("wb") as raw:
            _fill(raw, path.suffix == ".gz", audit.rows_after(first, last))
            os.fsync(raw.fileno())
        found = read(unfinished, packed=path.suffix == ".gz")
        faults = found.faults
        if found.previous_hash != expected:
            faults = (f"Audit row {found.first_id} does not continue the archive before it.", *faults)
        if faults:
            raise Failed(f"Nothing was archived: {faults[0]} Run `kvmtui audit verify`.")
        os.link(unfinished, path)  # unlike a rename, a link never replaces a file
        files.sync_dir(path.parent)
    except FileExistsError:
        raise Refused(f"The file {path} exists; an archive never overwrites. Name another file.") from None
    except OSError as error:
        raise Failed(
            f"The archive {path} cannot be written: {error.strerror}. Nothing was archived."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return replace(found, path=str(path))


def _fill(raw: BinaryIO, packed: bool, rows: Iterator[dict[str, Any]]) -> None:
    stream: Any = gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) if packed else raw
    for row in rows:
        values = {name: row[name] for name in _FIELDS}
        stream.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")
    if packed:
        stream.close()
    raw.flush()


def _record(written: ArchiveFile, first: int, actor: Actor) -> None:
    exclusive(Lock.AUDIT_CHAIN)
    newest = audit.newest_archive()
    if newest is not None and (newest.path, newest.sha256) == (written.path, written.sha256):
        return  # the answer to an earlier commit was lost
    there = Audit.select().where(Audit.id > first, Audit.id <= written.last_id).count()
    if (newest.last_id if newest else 0) != first or there != written.rows:
        raise Refused(
            "The audit was archived by another process at the same time; nothing was archived here."
        )
    AuditArchive.insert(
        first_id=written.first_id,
        last_id=written.last_id,
        last_hash=written.last_hash,
        path=written.path,
        sha256=written.sha256,
    ).execute()
    _carry_suspensions(written.last_id)
    after = {"first_id": written.first_id, "last_id": written.last_id, "rows": written.rows}
    audit.record(
        actor, "archive", "audit", "", written.path, before={}, after=after | {"sha256": written.sha256}
    )


def _carry_suspensions(last: int) -> None:
    """Why a service is suspended is read from the audit: repeat it while the service is."""
    suspended = {
        str(number) for (number,) in Service.select(Service.id).where(Service.status == "Suspended").tuples()
    }
    if not suspended:
        return
    asked = (Audit.kind == "vm") & (Audit.action == "suspend")
    newest = Audit.select(fn.MAX(Audit.id)).where(asked).group_by(Audit.object_id)
    for row in list(Audit.select().where(Audit.id.in_(newest), Audit.id <= last).order_by(Audit.id)):
        if row.object_id in suspended:
            since = {**row.before, "since": row.before.get("since", row.at)}
            who = Actor(row.login, row.ssh_client, row.source)
            audit.record(
                who, "suspend", "vm", row.object_id, row.object_name, since, row.after, row.reason, row.result
            )


def delete_archived(keep_going: Callable[[], bool] = lambda: True, pause_s: float = 0.0) -> int:
    """Delete rows that are in a recorded archive; returns how many."""
    gone = 0
    with session():
        newest = audit.newest_archive()
        while newest is not None and keep_going():
            old = Audit.select(Audit.id).where(Audit.id <= newest.last_id).order_by(Audit.id).limit(_PAGE)
            ids = [number for (number,) in old.tuples()]
            if ids:
                gone += in_transaction(lambda ids=ids: Audit.delete().where(Audit.id.in_(ids)).execute())  # type: ignore[misc]
            if len(ids) < _PAGE:
                break
            time.sleep(pause_s)
    return gone


def read(path: Path, packed: bool | None = None) -> ArchiveFile:
    """Read a file to its end and verify the chain inside it; refused when it is no archive."""
    try:
        digest = _sha256(path)
        chain: Chain | None = None
        first: dict[str, Any] = {}
        last_id = 0
        faults: list[str] = []
        for number, row in enumerate(_rows(path, path.suffix == ".gz" if packed is None else packed), 1):
            if chain is None:
                first, chain = row, Chain(str(row["previous_hash"]))
            if row["id"] <= last_id:
                faults.append(f"Line {number} is out of order.")
            last_id = row["id"]
            chain.add(last_id, row)
    except OSError as error:
        raise Refused(f"The archive {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, EOFError) as error:
        raise Refused(f"The file {path} is not a whole audit archive: {error}.") from error
    if chain is None:
        raise Refused(f"The file {path} is not an audit archive: it is empty.")
    faults += chain.faults
    return ArchiveFile(
        str(path),
        digest,
        chain.rows,
        first["id"],
        last_id,
        str(first["previous_hash"]),
        chain.hash,
        tuple(faults),
    )


def _rows(path: Path, packed: bool) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rb") if packed else path.open("rb") as stream:
        for line in stream:
            row = json.loads(line)
            yield {name: row[name] for name in _FIELDS}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def verify_files(paths: Sequence[Path]) -> tuple[list[ArchiveFile], list[str]]:
    """Verify archives, and that they join one another and the rows of the database; what is wrong, as sentences."""
    found = sorted((read(path) for path in paths), key=lambda each: each.first_id)
    faults = [f"{each.path}: {fault}" for each in found for fault in each.faults]
    with session():
        known = list(AuditArchive.select().order_by(AuditArchive.last_id))
    by_last = {row.last_id: place for place, row in enumerate(known)}
    for each in found:
        place = by_last.get(each.last_id)
        if place is None or known[place].first_id != each.first_id:
            faults.append(f"{each.path}: this database has no record of an archive of these rows.")
            continue
        if known[place].sha256 != each.sha256:
            faults.append(f"{each.path}: its SHA-256 is not the one recorded when it was written.")
        if known[place].last_hash != each.last_hash:
            faults.append(f"{each.path}: its last row is not the one recorded when it was written.")
        before = known[place - 1].last_hash if place else ""
        if each.previous_hash != before:
            faults.append(f"{each.path}: its first row does not continue the archive before it.")
    return found, faults
