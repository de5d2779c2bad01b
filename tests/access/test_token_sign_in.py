"""Signing in to a console with a token: who may, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import operators
from engine.actions import tokens
from engine.actions.clients import create_client
from engine.actions.token_sign_in import SignedIn, sign_in
from engine.audit import Actor, current_actor
from engine.errors import Forbidden, NotAuthenticated
from engine.forms.client import ClientForm
from engine.roles import Role
from engine.store.models import ApiToken
from tests.conftest import Store

OWNER = Actor("root", source="test")


@pytest.fixture(autouse=True)
def nobody_signed_in(sqlite_store: Store) -> Iterator[None]:
    yield
    operators.act_for(None)


def signed_in(role: Role, name: str = "night") -> SignedIn:
    secret = tokens.create(OWNER, name, role).secret
    known, _ = sign_in(secret, "192.0.2.7")
    acting = SignedIn(known.spelled())
    operators.act_for(acting)
    return acting


def test_the_console_acts_with_the_name_and_role_of_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CLIENT", "192.0.2.7 0 0")
    signed_in(Role.SUPPORT)
    actor = current_actor("console")
    assert (actor.login, actor.role, actor.ssh_client) == ("token:night", Role.SUPPORT, "192.0.2.7")
    with pytest.raises(Forbidden, match="token:night has support"):
        create_client(ClientForm(name="Acme", email="ops@acme.example"), actor)


@pytest.mark.parametrize("how", ["revoke", "rotate", "expire", "delete"])
def test_a_token_that_ended_can_do_nothing_more(how: str) -> None:
    acting = signed_in(Role.OPERATOR)
    kept = current_actor("console")  # by a dialog that was open at the time
    {
        "revoke": lambda: tokens.revoke(OWNER, "night"),
        "rotate": lambda: tokens.rotate(OWNER, "night"),
        "expire": lambda: ApiToken.update(expires_at=1).execute(),
        "delete": lambda: ApiToken.delete().execute(),
    }[how]()
    for act in (acting, lambda: current_actor("console"), lambda: SignedIn("1:" + "0" * 64)):
        with pytest.raises(NotAuthenticated, match="Sign in with a valid token"):
            act()
    with pytest.raises(NotAuthenticated):
        create_client(ClientForm(name="Acme", email="ops@acme.example"), kept)


def test_who_cannot_sign_in() -> None:
    create_client(ClientForm(name="Acme", email="ops@acme.example"), OWNER)
    limited = tokens.create(OWNER, "reseller", Role.OPERATOR, clients=["Acme"]).secret
    with pytest.raises(Forbidden, match="limited to some clients or products"):
        sign_in(limited, "192.0.2.8")
    metrics = tokens.create(OWNER, "prometheus", Role.METRICS).secret
    with pytest.raises(Forbidden, match="needs the role viewer, and this token has metrics"):
        sign_in(metrics, "192.0.2.8")
    with pytest.raises(NotAuthenticated):
        sign_in("kvt_wrong", "192.0.2.8")
    for spelled in ("", "1", "1:abc", "x" * 200):
        with pytest.raises(NotAuthenticated):
            SignedIn(spelled)
