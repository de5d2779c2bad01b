"""The database tables, from the models and the comments beside their columns."""

from __future__ import annotations

import ast
import inspect
import io
import textwrap
import tokenize
from typing import Any

from peewee import DeferredForeignKey, ForeignKeyField

from engine.store.fields import AddressField, EpochField, JsonField
from engine.store.models import TABLES
from kvmtui.reference.markdown import GENERATED, code, table

_KINDS = {EpochField: "epoch ms", JsonField: "JSON", AddressField: "address (16 bytes)"}


def page() -> str:
    """Every table with its columns."""
    lines = [
        "# Database tables",
        GENERATED,
        "What the database holds, for reports and for reading a backup. Only kvmtui writes it: the schema is not part "
        "of the stability promise and changes with migrations. Times are milliseconds since 1970, UTC. IPv4 addresses "
        "are stored in the range `::ffff:0:0/96`. Sealed columns hold AES-GCM ciphertext.",
        table(("Table", "Holds"), (_summary(model) for model in TABLES)),
    ]
    for model in TABLES:
        lines += [f"## {_name(model)}", _doc(model), _columns(model)]
    return "\n\n".join(lines)


def _name(model: Any) -> str:
    return str(model._meta.table_name)


def _doc(model: Any) -> str:
    return " ".join((inspect.getdoc(model) or "").split())


def _summary(model: Any) -> tuple[str, str]:
    return f"[`{_name(model)}`](#{_name(model)})", _doc(model).partition(". ")[0].rstrip(".") + "."


def _columns(model: Any) -> str:
    notes = _comments(model)
    rows = (
        (code(column.column_name), _kind(column), _default(column), _note(column, notes))
        for column in model._meta.sorted_fields
    )
    return table(("Column", "Type", "Default", "Notes"), rows)


def _note(column: Any, notes: dict[str, str]) -> str:
    """What its comment says, and the values a check allows."""
    checks = (each.sql.removeprefix("CHECK (").removesuffix(")") for each in column.constraints or ())
    allowed = [code(each.partition(" IN ")[2]) for each in checks if " IN " in each]
    return ". ".join([each for each in (notes.get(column.name, "").rstrip("."), *allowed) if each])


def _kind(column: Any) -> str:
    kind = type(column)
    if issubclass(kind, ForeignKeyField):
        made = f"→ `{column.rel_model._meta.table_name}`"
    else:
        made = _KINDS.get(kind) or kind.__name__.removesuffix("Field").lower()
    return made + (", may be NULL" if column.null else "") + (", unique" if column.unique else "")


def _default(column: Any) -> str:
    value = column.default
    if value is None or isinstance(column, DeferredForeignKey):
        return ""
    if callable(value):
        return {"now_ms": "now", "dict": "`{}`", "list": "`[]`"}.get(value.__name__, "")
    return code(str(value)) or "empty"


def _comments(model: Any) -> dict[str, str]:
    """The comment inside, behind or right above the assignment of each column."""
    source = textwrap.dedent(inspect.getsource(model))
    found = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    notes: dict[str, str] = {}
    end = 0
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            lines = [found[line] for line in range(end + 1, (node.end_lineno or 0) + 1) if line in found]
            notes[node.targets[0].id] = " ".join(lines)
        end = node.end_lineno or end
    return notes
