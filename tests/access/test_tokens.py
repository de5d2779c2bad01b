"""API tokens: created once, stored as a hash, and refused alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from engine import audit, redact
from engine.actions import tokens
from engine.attempts import Attempts
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Forbidden, NotAuthenticated, NotFound, Refused, TooManyTries
from engine.queries import tokens as queries
from engine.roles import Role
from engine.scope import EVERYTHING, Scope
from engine.store.database import in_transaction, session
from engine.store.models import ApiToken, Audit, Client, Product, Server
from tests.conftest import Store

OWNER = Actor("anna", "192.0.2.7", "cli")
HERE = "198.51.100.4"


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Nobody tried a token yet."""
    moved = Clock()
    monkeypatch.setattr(tokens, "_tries", Attempts(most=10, window_s=60, clock=moved))
    yield moved


def _expire(name: str) -> None:
    in_transaction(ApiToken.update(expires_at=now_ms() - 1).where(ApiToken.name == name).execute)


def test_a_secret_is_recognisable_and_only_its_hash_is_stored(store: Store) -> None:
    made = tokens.create(OWNER, "shop", Role.OPERATOR)
    assert made.secret.startswith("kvt_") and len(made.secret) == 47
    assert tokens.is_secret(made.secret)
    assert not tokens.is_secret(made.secret[:-1] + ("A" if made.secret[-1] != "A" else "B"))
    assert made.secret not in repr(made)
    with session():
        row = ApiToken.get()
        values = [str(value) for value in row.__data__.values()]
        audited = [str(each.__data__) for each in Audit.select()]
    assert not [each for each in [*values, *audited] if made.secret[4:20] in each]
    if store.kind == "sqlite":
        with sqlite3.connect(store.url.removeprefix("sqlite://")) as database:
            assert not [line for line in database.iterdump() if made.secret[4:] in line]


def test_a_token_is_an_actor_with_its_role_and_limits(store: Store) -> None:
    with session():
        server = Server.create(uid="s", name="pve", hosts=["10.0.0.1"])
        client = Client.create(name="Acme")
        product = Product.create(name="VPS", server=server, spec={})
    made = tokens.create(OWNER, "shop", "support", ["Acme"], ["VPS"])
    assert (made.token.clients, made.token.products, made.token.state) == (("Acme",), ("VPS",), "active")
    actor = tokens.authenticate(made.secret, HERE)
    assert (actor.login, actor.ssh_client, actor.source) == ("token:shop", HERE, "api")
    assert (actor.role, actor.token_id) == (Role.SUPPORT, made.token.id)
    assert actor.scope == Scope(frozenset({client.id}), frozenset({product.id}))
    everything = tokens.create(OWNER, "all", Role.OWNER)
    assert tokens.authenticate(everything.secret, HERE).scope == EVERYTHING


def test_every_token_that_does_not_work_reads_the_same(store: Store) -> None:
    secrets = {name: tokens.create(OWNER, name, Role.VIEWER).secret for name in ("expired", "revoked", "old")}
    _expire("expired")
    tokens.revoke(OWNER, "revoked")
    fresh = tokens.rotate(OWNER, "old").secret
    said = set()
    for presented in (*secrets.values(), "kvt_" + "x" * 43, "", "\udcff", "Bearer"):
        with pytest.raises(NotAuthenticated) as refused:
            tokens.authenticate(presented, HERE)
        said.add(refused.value.sentence)
    assert len(said) == 1
    assert tokens.authenticate(fresh, HERE).login == "token:old"


def test_ten_wrong_tokens_close_the_address_for_the_rest_of_the_minute(store: Store, clock: Clock) -> None:
    right = tokens.create(OWNER, "shop", Role.VIEWER).secret
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            tokens.authenticate("wrong", HERE)
        clock.now += 1
    with pytest.raises(TooManyTries) as refused:
        tokens.authenticate(right, HERE)
    assert 0 < refused.value.retry_after <= 60
    assert tokens.authenticate(right, "198.51.100.5").login == "token:shop"
    clock.now += refused.value.retry_after
    assert tokens.authenticate(right, HERE).login == "token:shop"


def test_a_subscriber_cannot_try_from_each_of_their_addresses(store: Store) -> None:
    for number in range(10):
        with pytest.raises(NotAuthenticated):
            tokens.authenticate("wrong", f"2001:db8:1:2::{number:x}")
    with pytest.raises(TooManyTries):
        tokens.authenticate("wrong", "2001:db8:1:2:ffff::1")
    with pytest.raises(NotAuthenticated):
        tokens.authenticate("wrong", "2001:db8:1:3::1")


def test_the_last_use_is_kept_at_most_once_a_minute(store: Store) -> None:
    made = tokens.create(OWNER, "shop", Role.VIEWER)
    tokens.authenticate(made.secret, HERE)
    first = queries.token("shop")
    assert first is not None and first.last_used_at and first.last_address == HERE
    tokens.authenticate(made.secret, "198.51.100.9")
    assert queries.token("shop") == first
    in_transaction(ApiToken.update(last_used_at=first.last_used_at - 60_000).execute)
    tokens.authenticate(made.secret, "198.51.100.9")
    later = queries.token("shop")
    assert later is not None and later.last_address == "198.51.100.9"


def test_names_roles_limits_and_expiry_are_checked(sqlite_store: Store) -> None:
    tokens.create(OWNER, "shop", Role.VIEWER)
    for words in (
        {"name": "shop", "role": "viewer"},
        {"name": "a b", "role": "viewer"},
        {"name": "", "role": "viewer"},
        {"name": "x", "role": "root"},
        {"name": "x", "role": "viewer", "expires": "soon"},
        {"name": "x", "role": "viewer", "expires": "0d"},
        {"name": "x", "role": "viewer", "expires": "2001-01-01"},
        {"name": "x", "role": "viewer", "clients": ["Nobody"]},
        {"name": "x", "role": "viewer", "products": ["Nothing"]},
    ):
        with pytest.raises(Refused):
            tokens.create(OWNER, **words)  # type: ignore[arg-type]
    assert [each.name for each in queries.tokens()] == ["shop"]


def test_an_expired_token_needs_a_new_end_and_a_revoked_one_stays_revoked(sqlite_store: Store) -> None:
    tokens.create(OWNER, "shop", Role.VIEWER, expires="90d")
    assert [each.name for each in queries.expiring(91)] == ["shop"] and queries.expiring(89) == []
    _expire("shop")
    assert queries.tokens()[0].state == "expired" and queries.expiring(91) == []
    with pytest.raises(Refused, match="expired"):
        tokens.rotate(OWNER, "shop")
    assert tokens.authenticate(tokens.rotate(OWNER, "shop", "1d").secret, HERE).role is Role.VIEWER
    tokens.revoke(OWNER, "shop")
    assert "already" in tokens.revoke(OWNER, "shop")
    with pytest.raises(Refused, match="revoked"):
        tokens.rotate(OWNER, "shop")
    with pytest.raises(NotFound, match="Did you mean 'shop'"):
        tokens.revoke(OWNER, "shap")


def test_only_an_owner_without_limits_makes_tokens(sqlite_store: Store) -> None:
    for role in (Role.VIEWER, Role.SUPPORT, Role.OPERATOR, Role.METRICS):
        with pytest.raises(Forbidden, match=f"needs the role owner, and anna has {role}"):
            tokens.create(Actor("anna", role=role), "x", Role.VIEWER)
    with pytest.raises(Forbidden, match="the whole site"):
        tokens.create(Actor("token:shop", scope=Scope(clients=frozenset({1}))), "x", Role.VIEWER)
    assert queries.tokens() == []


def test_audit_rows_of_a_token_carry_its_name_and_address(sqlite_store: Store) -> None:
    actor = tokens.authenticate(tokens.create(OWNER, "all", Role.OWNER).secret, HERE)
    tokens.create(actor, "second", Role.VIEWER)
    with session():
        row = Audit.select().order_by(Audit.id.desc()).get()
    assert (row.login, row.ssh_client, row.source, row.action) == ("token:all", HERE, "api", "create")
    assert audit.verify_chain() == []


def test_secrets_are_masked_by_their_prefix() -> None:
    secret = tokens.new_secret()
    assert redact.redact(f"Authorization: Bearer {secret}, then") == "Authorization: Bearer ***, then"
    assert redact.redact("secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw end") == "secret=*** end"
    assert redact.redact("Tokens begin with kvt_ and webhook secrets with whsec_.") == (
        "Tokens begin with kvt_ and webhook secrets with whsec_."
    )


@pytest.mark.parametrize("needed", Role)
def test_each_role_covers_the_one_before_it(needed: Role) -> None:
    ladder = [Role.VIEWER, Role.SUPPORT, Role.OPERATOR, Role.OWNER]
    covering = {role for role in Role if role.covers(needed)}
    expected = {Role.METRICS, Role.OWNER} if needed is Role.METRICS else set(ladder[ladder.index(needed) :])
    assert covering == expected
