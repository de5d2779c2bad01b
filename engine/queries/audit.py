"""The audit as values, a page at a time: who changed what, when, from where, and with what result.

The database filters, sorts, counts and pages, so that a hundred thousand rows cost no more than the page that is
looked at. Secrets were masked before a row was written; what is read here holds none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from peewee import SQL, fn

from engine.clock import Moment
from engine.errors import InvalidValue
from engine.queries.changes import ValueChange, changed, circumstances
from engine.queries.time_input import moment
from engine.store.database import session
from engine.store.models import Audit

SORTS = ("id", "login", "action", "about", "source", "result")
_AT_ONCE = 1000
_TEXTS = ("login", "ssh_client", "action", "kind", "object_id", "object_name", "reason", "source", "result")
_WORDS = ("who", "what", "object", "since", "until")


@dataclass(frozen=True, slots=True)
class AuditView:
    """One change as lists show it."""

    id: int
    at: Moment
    login: str
    ssh_client: str
    source: str
    action: str
    kind: str
    object_id: str
    object_name: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    result: str

    @property
    def about(self) -> str:
        """What was changed: its kind and its name, or its number where it has no name."""
        name = self.object_name or self.object_id
        number = f" ({self.object_id})" if self.kind == "vm" and self.object_name else ""
        return f"{self.kind} {name}{number}".strip()

    @property
    def who(self) -> str:
        """Who did it, and from where they came."""
        return f"{self.login} from {self.ssh_client}" if self.ssh_client else self.login

    @property
    def changes(self) -> list[ValueChange]:
        """Each value before beside the one after."""
        return changed(self.kind, self.before, self.after)

    @property
    def circumstances(self) -> dict[str, Any]:
        """How a VM stood at that moment."""
        return circumstances(self.kind, self.before)


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """What is looked for: words anywhere, a person or address, an action, an object, a time; and the order."""

    text: str = ""
    who: str = ""
    what: str = ""
    object: str = ""
    since: int | None = None
    until: int | None = None
    sort: str = "id"
    descending: bool = True


def asked(text: str) -> AuditQuestion:
    """The question behind a line such as `who:root object:vm:5546 since:7d restore`; other words are looked for.

    Refused when a word names a filter that does not exist, or a time that cannot be read.
    """
    found, words = AuditQuestion(), list[str]()
    for word in text.split():
        name, sign, value = word.partition(":")
        if not sign or not name.isalpha():
            words.append(word)
        elif name not in _WORDS:
            known = " ".join(f"{each}:" for each in _WORDS)
            raise InvalidValue("q", f"{name}: is not a filter of the audit. The filters are {known}")
        elif value:
            found = _with(found, name, value)
    return replace(found, text=" ".join(words))


def _with(question: AuditQuestion, name: str, value: str) -> AuditQuestion:
    if name == "who":
        return replace(question, who=value)
    if name == "what":
        return replace(question, what=value)
    if name == "object":
        return replace(question, object=value)
    at = moment(value, end=name == "until")
    return replace(question, since=at) if name == "since" else replace(question, until=at)


def count(question: AuditQuestion) -> int:
    """How many changes answer the question."""
    with session():
        return int(_fitting(question).count())


def page(question: AuditQuestion, offset: int, limit: int) -> list[AuditView]:
    """The changes from `offset` on, in the question's order."""
    with session():
        ids = [number for (number,) in _ordered(question).offset(offset).limit(limit).tuples()]
        found = {row.id: view(row) for row in Audit.select().where(Audit.id.in_(ids))}
    return [found[number] for number in ids if number in found]


def position(question: AuditQuestion, audit_id: int) -> int | None:
    """The position of a change in the question's order; None when it is not among them."""
    with session():
        if question.sort == "id":
            return _position_by_id(question, audit_id)
        places = _fitting(question).select(
            Audit.id.alias("key"), fn.ROW_NUMBER().over(order_by=_order(question)).alias("n")
        )
        row = (
            Audit.select(SQL("n"))
            .from_(places.alias("places"))
            .where(SQL("key") == audit_id)
            .tuples()
            .first()
        )
    return int(row[0]) - 1 if row else None


def _position_by_id(question: AuditQuestion, audit_id: int) -> int | None:
    fitting = _fitting(question)
    if not fitting.where(Audit.id == audit_id).exists():
        return None
    return int(fitting.where(Audit.id > audit_id if question.descending else Audit.id < audit_id).count())


def oldest() -> Moment | None:
    """When the oldest change that is still in the database was made."""
    with session():
        row = Audit.select(Audit.at).order_by(Audit.id).first()
        return None if row is None else row.at


def one(audit_id: int) -> AuditView | None:
    """A change by its number."""
    with session():
        row = Audit.get_or_none(Audit.id == audit_id)
        return None if row is None else view(row)


def stream(question: AuditQuestion, limit: int | None = None) -> Iterator[AuditView]:
    """The changes that answer the question, the newest first, read a thousand at a time."""
    left, before = limit, None
    while left is None or left > 0:
        rows = stretch(question, before, _AT_ONCE if left is None else min(_AT_ONCE, left))
        yield from rows
        if not rows:
            return
        before, left = rows[-1].id, None if left is None else left - len(rows)


def stretch(question: AuditQuestion, before: int | None, size: int) -> list[AuditView]:
    """Up to `size` changes older than number `before`, the newest first."""
    with session():
        query = _fitting(question).select(Audit)
        if before is not None:
            query = query.where(Audit.id < before)
        return [view(row) for row in query.order_by(Audit.id.desc()).limit(size)]


def newest(limit: int = 1000) -> list[AuditView]:
    """The latest changes, the newest first."""
    return list(stream(AuditQuestion(), limit))


def _fitting(question: AuditQuestion) -> Any:
    query = Audit.select(Audit.id)
    if question.since is not None:
        query = query.where(Audit.at >= question.since)
    if question.until is not None:
        query = query.where(Audit.at <= question.until)
    if question.who:
        query = query.where(Audit.login.contains(question.who) | Audit.ssh_client.startswith(question.who))
    if question.what:
        query = query.where(Audit.action.contains(question.what))
    if question.object:
        query = query.where(about(question.object))
    for word in question.text.split():
        query = query.where(_says(word))
    return query


def about(words: str) -> Any:
    """The condition of rows about `vm`, `vm:5546`, `server:pve-waw1`, or a name or number of any kind."""
    kind, sign, name = words.partition(":")
    if not sign:
        return (Audit.kind == words) | (Audit.object_id == words) | Audit.object_name.contains(words)
    return (Audit.kind == kind) & ((Audit.object_id == name) | Audit.object_name.contains(name))


def _says(word: str) -> Any:
    """Rows in which a word stands anywhere, the values before and after among them."""
    texts = [getattr(Audit, name).contains(word) for name in _TEXTS]
    values = [fn.LOWER(column).contains(word.lower()) for column in (Audit.before, Audit.after)]
    return reduce(or_, [*texts, *values])


def _ordered(question: AuditQuestion) -> Any:
    return _fitting(question).order_by(*_order(question))


def _order(question: AuditQuestion) -> list[Any]:
    columns: dict[str, list[Any]] = {
        "login": [Audit.login],
        "action": [Audit.action],
        "about": [Audit.kind, Audit.object_name],
        "source": [Audit.source],
        "result": [Audit.result],
    }
    wanted = [*columns.get(question.sort, []), Audit.id]
    return [each.desc() if question.descending else each.asc() for each in wanted]


def view(row: Audit) -> AuditView:
    """A row as lists show it."""
    return AuditView(
        id=row.id,
        at=row.at,
        login=row.login,
        ssh_client=row.ssh_client,
        source=row.source,
        action=row.action,
        kind=row.kind,
        object_id=row.object_id,
        object_name=row.object_name,
        reason=row.reason,
        before=row.before,
        after=row.after,
        result=row.result,
    )
