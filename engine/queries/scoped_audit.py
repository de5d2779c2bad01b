"""The audit as a limited token may see it: what was done to the services it sees, and no word of anybody else.

Of others it learns what they did and when, but neither their name, address and reason, nor a client or product that
is outside. Filters do not look at what is masked, so that they cannot be used to guess it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from peewee import Case, fn

from engine.audit import Actor
from engine.queries import audit
from engine.queries.audit import AuditQuestion, AuditView
from engine.queries.scoping import client_condition, inside, product_condition, service_condition
from engine.redact import MASK
from engine.store.database import session
from engine.store.models import Audit, Client, Product, Service

_KINDS = ("service", "vm")  # both are known by the id of the service
_SEARCHED = ("action", "kind", "object_id", "object_name", "result")


def stretch(actor: Actor, question: AuditQuestion, before: int | None, size: int) -> list[AuditView]:
    """Up to `size` changes older than number `before` that an actor may see, the newest first."""
    if not actor.scope.limited:
        return audit.stretch(question, before, size)
    with session():
        query = Audit.select().where(_visible(actor))
        for condition in _conditions(actor, question):
            query = query.where(condition)
        if before is not None:
            query = query.where(Audit.id < before)
        names = _names(actor)
        rows = query.order_by(Audit.id.desc()).limit(size)
        return [_shown(actor, audit.view(row), names) for row in rows]


def _visible(actor: Actor) -> Any:
    """About a service inside; not what happened under its number before it existed."""
    number = Case(None, [(Audit.kind.in_(_KINDS), Audit.object_id.cast("BIGINT"))], None)
    services = Service.select(Service.id).where(Service.id == number, Service.created_at <= Audit.at)
    return Audit.kind.in_(_KINDS) & fn.EXISTS(inside(services, service_condition(actor.scope)))


def _conditions(actor: Actor, question: AuditQuestion) -> list[Any]:
    found: list[Any] = []
    if question.since is not None:
        found.append(Audit.at >= question.since)
    if question.until is not None:
        found.append(Audit.at <= question.until)
    if question.who:
        found.append((Audit.login == actor.login) & Audit.login.contains(question.who))
    if question.what:
        found.append(Audit.action.contains(question.what))
    if question.object:
        found.append(audit.about(question.object))
    for word in question.text.split():
        found.append(reduce(or_, (getattr(Audit, name).contains(word) for name in _SEARCHED)))
    return found


def _names(actor: Actor) -> dict[str, set[str]]:
    """The names of clients and products that may stand among the values of a change."""
    tables: tuple[tuple[str, Any, Any], ...] = (
        ("client", Client, client_condition(actor.scope)),
        ("product", Product, product_condition(actor.scope)),
    )
    return {
        key: {name for (name,) in inside(table.select(table.name), condition).tuples()}
        for key, table, condition in tables
    }


def _shown(actor: Actor, row: AuditView, names: dict[str, set[str]]) -> AuditView:
    seen = replace(row, before=_values(row.before, names), after=_values(row.after, names))
    return seen if row.login == actor.login else replace(seen, login=MASK, ssh_client="", reason="")


def _values(given: dict[str, Any], names: dict[str, set[str]]) -> dict[str, Any]:
    return {
        name: MASK if name in names and value not in names[name] else value for name, value in given.items()
    }
