"""The tokens of the API, without their secrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.clock import Moment, now_ms
from engine.roles import Role
from engine.store.database import session
from engine.store.models import ApiToken, Client, Product

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token: what it may do, what it is limited to (None: nothing), and whether it works."""

    id: int
    name: str
    role: str
    clients: tuple[str, ...] | None
    products: tuple[str, ...] | None
    state: str  # active, expired, revoked
    created_at: Moment
    created_by: str
    expires_at: Moment | None
    revoked_at: Moment | None
    rotated_at: Moment | None
    last_used_at: Moment | None
    last_address: str


SOON_DAYS = 14
"""Days before it expires that the dashboard, webhooks and notifications tell of a token."""


def tokens() -> list[TokenView]:
    """Every token by its name."""
    with session():
        return _views(ApiToken.select().order_by(ApiToken.name))


def token(name: str) -> TokenView | None:
    """The token of that name; None when there is none."""
    with session():
        return next(iter(_views(ApiToken.select().where(ApiToken.name == name))), None)


def expiring(days: int, now: int = 0) -> list[TokenView]:
    """The tokens that still work and expire within so many days, the first to expire first."""
    now = now or now_ms()
    soon = ApiToken.revoked_at.is_null() & (ApiToken.expires_at > now)
    with session():
        query = ApiToken.select().where(soon, ApiToken.expires_at <= now + days * _DAY_MS)
        return _views(query.order_by(ApiToken.expires_at, ApiToken.name))


def named_by_tokens(column: str, number: int) -> list[str]:
    """The tokens that are limited to a client or product (`clients`, `products`) and are not revoked."""
    with session():
        rows = ApiToken.select().where(ApiToken.revoked_at.is_null()).order_by(ApiToken.name)
        return [row.name for row in rows if number in (getattr(row, column) or ())]


def state_of(row: ApiToken, now: int = 0) -> str:
    """active, expired or revoked."""
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= (now or now_ms()) else "active"


def _views(query: Iterable[Any]) -> list[TokenView]:
    rows, now = list(query), now_ms()
    clients = _names(Client, (number for row in rows for number in row.clients or ()))
    products = _names(Product, (number for row in rows for number in row.products or ()))
    return [
        TokenView(
            id=row.id,
            name=row.name,
            role=Role(row.role).value,
            clients=_named(row.clients, clients),
            products=_named(row.products, products),
            state=state_of(row, now),
            created_at=row.created_at,
            created_by=row.created_by,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            rotated_at=row.rotated_at,
            last_used_at=row.last_used_at,
            last_address=row.last_address,
        )
        for row in rows
    ]


def _names(table: Any, numbers: Iterable[int]) -> dict[int, str]:
    wanted = sorted(set(numbers))
    return dict(table.select(table.id, table.name).where(table.id.in_(wanted)).tuples()) if wanted else {}


def _named(numbers: list[int] | None, names: dict[int, str]) -> tuple[str, ...] | None:
    return (
        None if numbers is None else tuple(sorted(names.get(each, f"deleted ({each})") for each in numbers))
    )
