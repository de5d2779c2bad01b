"""Exchanges the secret key, and checks whether every secret opens.

A rotation may be killed anywhere and run again. The key file holds both keys from before the first value is
sealed again until after the last; other processes read the file again when it changes, so none of them has to stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.errors import Failed, Refused
from engine.store import sealed, secrets
from engine.store.database import in_transaction, session
from engine.store.keyfile import Keys, add_key
from engine.store.models import KeyCheck
from engine.store.sealed import SealedColumn, SealedValue


@dataclass(slots=True)
class RotationReport:
    """How many secrets opened, and a sentence for each that did not."""

    opened: int = 0
    faults: list[str] = field(default_factory=list)


def verify() -> RotationReport:
    """Open every secret there is; none is shown."""
    report = RotationReport()
    keys = secrets.key_file().current()
    with session():
        for cell in _all_cells():
            try:
                secrets.open_with(keys, cell.sealed, cell.table, cell.uid, cell.column)
                report.opened += 1
            except Refused as error:
                report.faults.append(error.sentence)
    return report


def rotate() -> int:
    """Seal every secret with a fresh key and forget the old one; returns how many were sealed again.

    When an earlier rotation did not come to its end, that one is ended instead.
    """
    _refuse_unreadable()
    file = secrets.key_file()
    keys = file.current()
    if len(keys.values) == 1:
        keys = add_key(keys)
        file.replace(keys)
    with session():
        secrets.leave_canary(keys)
    count = _reseal_all(keys)
    fresh = Keys({keys.first: keys.values[keys.first]})
    file.replace(fresh)
    # a process that read the file just before may have sealed once more with the old key
    count += _reseal_all(keys)
    with session():
        KeyCheck.delete().where(KeyCheck.key_id != keys.first).execute()
    return count


def _refuse_unreadable() -> None:
    report = verify()
    if report.faults:
        raise Refused(
            "The key was not changed: these secrets cannot be decrypted with it and would be lost:\n"
            + "\n".join(report.faults)
        )


def _reseal_all(keys: Keys) -> int:
    count = 0
    for column in sealed.COLUMNS:
        with session():
            for row in sealed.rows(column):
                if any(secrets.key_id_of(cell.sealed) != keys.first for cell in sealed.cells(column, row)):
                    count += _reseal_row(keys, column, row.get_id())
    return count


def _reseal_row(keys: Keys, column: SealedColumn, key: object) -> int:
    """Exchange one cell's values, read again under the write lock so that nobody's change is lost."""

    def resealed(cell: SealedValue) -> str:
        value = secrets.open_with(keys, cell.sealed, cell.table, cell.uid, cell.column)
        return secrets.seal_with(keys, value, cell.table, cell.uid, cell.column)

    def exchange() -> int:
        name = column.column
        for _ in range(10):
            row = column.model.get_or_none(column.model._meta.primary_key == key)
            if row is None:
                return 0
            found = getattr(row, name)
            unchanged = getattr(column.model, name) == found
            fresh = sealed.replaced(column, row, resealed)
            mine = (column.model._meta.primary_key == key) & unchanged
            if column.model.update({name: fresh}).where(mine).execute():
                return len(sealed.cells(column, row))
        raise Failed(f"The secret in {column.table} {key} keeps changing; run the rotation again to end it.")

    return int(in_transaction(exchange))


def _all_cells() -> Iterator[SealedValue]:
    for column in sealed.COLUMNS:
        for row in sealed.rows(column):
            yield from sealed.cells(column, row)
