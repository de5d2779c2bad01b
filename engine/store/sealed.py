"""Every cell that holds a sealed secret: the one list that rotation, verification and the tests go by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.store.database import Row
from engine.store.models import Outbox, Server, Setting, Vm, Webhook, Zone

_PAGE = 500


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with sealed values; `inside` names the fields when the cell is a JSON object, () means all."""

    model: type[Row]
    uid: str
    column: str
    inside: tuple[str, ...] | None = None

    @property
    def table(self) -> str:
        """The table as it is bound into what is sealed."""
        return str(self.model._meta.table_name)


@dataclass(frozen=True, slots=True, repr=False)
class SealedValue:
    """One sealed value, and where it is."""

    table: str
    uid: str
    column: str
    sealed: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} of row {self.uid}"


COLUMNS = (
    SealedColumn(Server, "uid", "token_secret"),
    SealedColumn(Server, "uid", "password"),
    SealedColumn(Zone, "uid", "secrets", inside=()),
    SealedColumn(Vm, "uid", "os_password"),
    SealedColumn(Outbox, "uid", "context"),
    SealedColumn(Webhook, "uid", "secret"),
    SealedColumn(Setting, "key", "value", inside=("password",)),
)


def rows(column: SealedColumn) -> Iterator[Row]:
    """Every row of the column's table, a page at a time, so that writes in between do not matter."""
    key = column.model._meta.primary_key
    after: Any = None
    while True:
        query = column.model.select().order_by(key).limit(_PAGE)
        page = list(query if after is None else query.where(key > after))
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].get_id()


def cells(column: SealedColumn, row: Row) -> list[SealedValue]:
    """The sealed values of one row in that column."""
    uid = str(getattr(row, column.uid))
    value = getattr(row, column.column)
    if column.inside is None:
        return [SealedValue(column.table, uid, column.column, value)] if value else []
    return [SealedValue(column.table, uid, name, value[name]) for name in _fields(column, value)]


def replaced(column: SealedColumn, row: Row, change: Callable[[SealedValue], str]) -> Any:
    """The row's value in that column with each sealed value exchanged."""
    changed = {cell.column: change(cell) for cell in cells(column, row)}
    value = getattr(row, column.column)
    if column.inside is None:
        return changed.get(column.column, value)
    return {**value, **changed}


def _fields(column: SealedColumn, value: Any) -> list[str]:
    if not isinstance(value, Mapping):
        return []  # a setting that is a plain value holds no secret
    names = column.inside or tuple(value)
    return [name for name in names if isinstance(value.get(name), str) and value[name]]
