"""Create and change the objects that operators configure: find, compare, check, write, audit.

`put` is the entry point for manifest, command line and console: it makes an object match its form and reports what
changed. If nothing differs, nothing is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from engine import audit
from engine.audit import Actor
from engine.errors import Refused
from engine.forms.faults import BadInput, Fault
from engine.forms.form import KEEP, Form, plain, secret_fields
from engine.redact import MASK
from engine.store.database import Row, in_transaction
from engine.work import events

F = TypeVar("F", bound=Form)
R = TypeVar("R", bound=Row)
Verb = Literal["create", "change", "same"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that changed; secrets are masked."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class PutResult:
    """What `put` changed."""

    kind: str
    name: str
    verb: Verb
    id: int | str = ""
    differences: tuple[Difference, ...] = ()
    warnings: tuple[str, ...] = ()
    """Sentences about what may not work as configured."""


class Repository(ABC, Generic[F, R]):
    """Access to the objects of one kind in the database."""

    kind: str

    @abstractmethod
    def find(self, form: F) -> R | None:
        """The row with the name given in the form; None if there is none."""

    @abstractmethod
    def values(self, row: R) -> dict[str, Any]:
        """The row as plain values of its form; a secret that is stored reads `__KEEP__`."""

    @abstractmethod
    def name(self, form: F) -> str:
        """How plans and the audit name the object."""

    @abstractmethod
    def create(self, form: F) -> R:
        """Write a new row."""

    @abstractmethod
    def update(self, row: R, form: F) -> R:
        """Write the form over the row; a secret that reads `__KEEP__` stays."""

    def secret(self, row: R, field: str) -> str:
        """A stored secret in clear."""
        raise LookupError(f"Objects of this kind have no secret called {field}.")

    def guard(self, form: F, row: R | None) -> None:
        """Refuse what must not be, for a new object or a changed one."""
        return


def put(repository: Repository[F, R], form: F, actor: Actor, row: R | None = None) -> PutResult:
    """Make the object match the form: the one given, the one of that name, or a new one."""
    return in_transaction(lambda: _put(repository, form, actor, row))


def create(repository: Repository[F, R], form: F, actor: Actor) -> PutResult:
    """Make a new object; refused when there is one of that name."""

    def work() -> PutResult:
        if repository.find(form) is not None:
            raise Refused(
                f"The {repository.kind} '{repository.name(form)}' already exists. Change it with edit."
            )
        return _create(repository, form, actor)

    return in_transaction(work)


def _put(repository: Repository[F, R], form: F, actor: Actor, row: R | None) -> PutResult:
    row = row if row is not None else repository.find(form)
    if row is None:
        return _create(repository, form, actor)
    found = _differences(repository, form, row)
    name = repository.name(form)
    if not found:
        return PutResult(repository.kind, name, "same", row.get_id())
    namesake = repository.find(form)
    if namesake is not None and namesake.get_id() != row.get_id():
        raise Refused(f"Another {repository.kind} is already named '{name}'. Nothing was changed.")
    repository.guard(form, row)
    row = repository.update(row, form)
    before = {each.field: each.old for each in found}
    after = {each.field: each.new for each in found}
    record(actor, "change", repository.kind, row.get_id(), name, before, after)
    return PutResult(repository.kind, name, "change", row.get_id(), tuple(found))


def _create(repository: Repository[F, R], form: F, actor: Actor) -> PutResult:
    _refuse_keep_of_nothing(form)
    repository.guard(form, None)
    row = repository.create(form)
    record(actor, "create", repository.kind, row.get_id(), repository.name(form), {}, masked(form))
    return PutResult(repository.kind, repository.name(form), "create", row.get_id())


def _refuse_keep_of_nothing(form: Form) -> None:
    kept = [field for field in sorted(secret_fields(type(form))) if getattr(form, field) == KEEP]
    if kept:
        sentence = f"{KEEP} keeps a stored secret, and none is stored yet; give it once."
        raise BadInput([Fault((field,), sentence) for field in kept])


def _differences(repository: Repository[F, R], form: F, row: R) -> list[Difference]:
    old, new = flat(repository.values(row)), flat(plain(form))
    hidden = secret_fields(type(form))
    found = []
    for field in new:
        if field in hidden:
            found.extend(_secret_difference(repository, row, field, str(old.get(field, "")), str(new[field])))
        elif old.get(field) != new[field]:
            found.append(Difference(field, old.get(field), new[field]))
    return found


def _secret_difference(
    repository: Repository[F, R], row: R, field: str, old: str, new: str
) -> list[Difference]:
    if new == KEEP and not old:
        raise BadInput([Fault((field,), f"{KEEP} keeps a stored secret, and none is stored; give it once.")])
    if new in (KEEP, old) or (old and new and repository.secret(row, field) == new):
        return []
    return [Difference(field, MASK if old else "", "(new) " + MASK if new else "")]


def masked(form: Form) -> dict[str, Any]:
    """The form as plain values, its secrets masked."""
    hidden = secret_fields(type(form))
    return {name: MASK if name in hidden and value else value for name, value in plain(form).items()}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def record(
    actor: Actor,
    action: str,
    kind: str,
    object_id: Any,
    name: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Audit a change and let consoles know, in the caller's transaction."""
    audit.record(actor, action, kind, str(object_id), name, before=before, after=after)
    events.publish("change", data={"kind": kind, "name": name, "action": action})


def remove(actor: Actor, kind: str, row: Row, name: str) -> None:
    """Delete a row that its guards let go, audited; for use inside a transaction."""
    object_id = row.get_id()
    row.delete_instance()
    record(actor, "delete", kind, object_id, name, {"name": name}, {})


def refuse_users(what: str, name: str, users: Mapping[str, list[str]]) -> None:
    """Refuse to delete something that others need, naming up to ten of them."""
    for kind, names in users.items():
        if names:
            shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            raise Refused(
                f"The {what} '{name}' was not deleted: these {kind} need it: {shown}. Delete or move them first."
            )
