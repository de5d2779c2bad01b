"""Tokens of the API: create, rotate, revoke, and tell who presents one."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import logging
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time

from engine import clock
from engine.actions import client_sessions
from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import record
from engine.attempts import Attempts
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Failed, NotAuthenticated, NotFound, Refused, TooManyTries
from engine.nearest import nearest
from engine.queries import tokens as queries
from engine.queries.refs import client_ref
from engine.queries.tokens import TokenView
from engine.roles import Role
from engine.scope import Scope
from engine.store.compiled import Compiled
from engine.store.database import in_transaction, session
from engine.store.models import ApiToken, Product, Webhook

log = logging.getLogger(__name__)

PREFIX = "kvt_"
LENGTH = 43
_CHECKSUM = 6
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_SPAN = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}
_USE_KEPT_MS = 60_000
_WRONG = (
    "The token is not valid: it is unknown, expired or revoked. Ask an owner for one: kvmtui token create"
)
_tries = Attempts(most=10, window_s=60)
_BY_DIGEST = Compiled[ApiToken](lambda digest: ApiToken.select().where(ApiToken.digest == digest), 1)


@dataclass(frozen=True, slots=True, repr=False)
class NewToken:
    """A token with its secret, which is shown this once."""

    token: TokenView
    secret: str


@needs(Role.OWNER, "create a token", whole_site=True)
def create(
    actor: Actor,
    name: str,
    role: Role | str,
    clients: Iterable[str] = (),
    products: Iterable[str] = (),
    expires: str = "",
) -> NewToken:
    """Make a token, limited to these clients and products if any are named.

    `expires` is a span such as `90d` or a date; empty: never.
    """
    if not _NAME.fullmatch(name):
        raise Refused(
            f"'{name}' is not a token name. Use up to 60 letters, digits, dots, - or _, "
            "starting with a letter or digit."
        )
    wanted, until, secret = _role(role), _until(expires), new_secret()

    def work() -> NewToken:
        if ApiToken.get_or_none(ApiToken.name == name) is not None:
            raise Refused(f"The token '{name}' already exists. Choose another name, or rotate it.")
        row = ApiToken.create(
            name=name,
            role=wanted.value,
            clients=_limits(client_ref(each) for each in clients),
            products=_limits(_product(each) for each in products),
            digest=digest_of(secret),
            created_by=actor.login,
            expires_at=until,
        )
        view = _view(name)
        about = {"role": view.role, "clients": view.clients, "products": view.products, "expires_at": until}
        record(actor, "create", "token", row.id, name, {}, about)
        return NewToken(view, secret)

    return in_transaction(work)


@needs(Role.OWNER, "rotate a token", whole_site=True)
def rotate(actor: Actor, name: str, expires: str = "") -> NewToken:
    """Give a token a new secret; the old one, and every clients' session opened with it, ends at once.

    Without `expires` its expiry stays.
    """
    until, secret = _until(expires), new_secret()

    def work() -> NewToken:
        row = _token(name)
        state = queries.state_of(row)
        if state == "revoked":
            raise Refused(f"The token '{name}' is revoked permanently. Create a new one.")
        if state == "expired" and until is None:
            raise Refused(f"The token '{name}' has expired. Set a new expiry: --expires 90d")
        changes = {"digest": digest_of(secret), "rotated_at": now_ms(), "expires_at": until or row.expires_at}
        ApiToken.update(changes).where(ApiToken.id == row.id).execute()
        client_sessions.end_of_creator(f"token:{name}")
        before, after = {"expires_at": row.expires_at}, {"expires_at": changes["expires_at"]}
        record(actor, "rotate", "token", row.id, name, before, after)
        return NewToken(_view(name), secret)

    return in_transaction(work)


@needs(Role.OWNER, "revoke a token", whole_site=True)
def revoke(actor: Actor, name: str) -> str:
    """End a token permanently, pause the webhooks it created and end the clients' sessions it opened; what was done."""

    def work() -> str:
        row = _token(name)
        if row.revoked_at is not None:
            return f"The token '{name}' is already revoked."
        ApiToken.update(revoked_at=now_ms()).where(ApiToken.id == row.id).execute()
        paused = {"state": "paused", "why": f"the token '{name}', which created it, was revoked"}
        Webhook.update(paused).where(Webhook.created_by == f"token:{name}").execute()
        client_sessions.end_of_creator(f"token:{name}")
        record(actor, "revoke", "token", row.id, name, {"state": queries.state_of(row)}, {"state": "revoked"})
        return f"The token '{name}' is revoked. Requests with it are refused from now on."

    return in_transaction(work)


def authenticate(presented: str, address: str) -> Actor:
    """The actor behind a token that came from an address.

    Every token that does not work is refused with the same sentence after the same work. After ten of them from one
    address within a minute, everything from there is refused for the rest of it.
    """
    if (wait := _tries.wait_s(address)) > 0:
        seconds = int(wait) + 1
        raise TooManyTries(f"Too many wrong tokens came from {address}; try again in {seconds} s.", seconds)
    digest, now = digest_of(presented), now_ms()
    with session():
        row = _BY_DIGEST.first(digest)
    known = row.digest if row is not None else digest_of("")
    works = row is not None and hmac.compare_digest(known, digest) and queries.state_of(row, now) == "active"
    if row is None or not works:
        _tries.add(address)
        raise NotAuthenticated(_WRONG)
    _note_use(row, address, now)
    return Actor(
        login=f"token:{row.name}",
        ssh_client=address,
        source="api",
        role=Role(row.role),
        scope=Scope(_ids(row.clients), _ids(row.products)),
        token_id=row.id,
    )


def works(presented: str) -> bool:
    """Whether a token that was accepted still is; this is not counted as a try."""
    with session():
        row = _BY_DIGEST.first(digest_of(presented))
    return row is not None and queries.state_of(row) == "active"


def new_secret() -> str:
    """A secret of 222 random bits that ends with a checksum, so that scanners can tell it from other text."""
    body = secrets.token_urlsafe(32)[: LENGTH - _CHECKSUM]
    return PREFIX + body + _checksum(body)


def is_secret(text: str) -> bool:
    """Whether a text is spelled like a token: prefix, length and checksum are right."""
    body = text[len(PREFIX) : -_CHECKSUM]
    return text.startswith(PREFIX) and len(text) == len(PREFIX) + LENGTH and text.endswith(_checksum(body))


def _checksum(body: str) -> str:
    value = binascii.crc32(body.encode("utf-8", "replace"))
    return urlsafe_b64encode(value.to_bytes(4, "big")).decode().rstrip("=")


def digest_of(secret: str) -> str:
    """What is stored of a secret: its SHA-256."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _note_use(row: ApiToken, address: str, now: int) -> None:
    """Keep when and from where it was used last; a busy database does not refuse the request."""
    if row.last_used_at is not None and now - row.last_used_at < _USE_KEPT_MS:
        return
    update = ApiToken.update(last_used_at=now, last_address=address).where(ApiToken.id == row.id)
    try:
        in_transaction(update.execute)
    except Failed as error:
        log.warning("The last use of token %s was not kept: %s", row.name, error.sentence)


def _view(name: str) -> TokenView:
    view = queries.token(name)
    assert view is not None
    return view


def _token(name: str) -> ApiToken:
    return found(ApiToken, ApiToken.name == name, f"token '{name}'")


def _ids(numbers: list[int] | None) -> frozenset[int] | None:
    return None if numbers is None else frozenset(numbers)


def _limits(numbers: Iterable[int]) -> list[int] | None:
    return sorted(set(numbers)) or None


def _product(name: str) -> int:
    row = Product.get_or_none(Product.name == name)
    if row is None:
        names = (each for (each,) in Product.select(Product.name).tuples())
        raise NotFound(f"Product '{name}' not found.{nearest(name, names)}")
    return int(row.id)


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Refused(f"Unknown role '{role}'. Use one of: {', '.join(Role)}.") from None


def _until(expires: str) -> int | None:
    """The end of a span from now, or of a date where the operator is; None for no end."""
    text = expires.strip().lower()
    if not text:
        return None
    if span := _SPAN.fullmatch(text):
        return now_ms() + int(span[1]) * _HOURS[span[2]] * 3_600_000
    try:
        end = datetime.combine(date.fromisoformat(text), time.max, clock.local_now().tzinfo)
    except ValueError:
        raise Refused(
            f"'{expires}' is not when a token expires; write 90d, 12h, 8w or a date like 2027-01-31."
        ) from None
    moment = int(end.timestamp() * 1000)
    if moment <= now_ms():
        raise Refused(f"{expires} is in the past; give a date in the future.")
    return moment
