"""Which role an operator has: by the login of sudo or of the process, from config.toml."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import operators
from engine.audit import current_actor
from engine.errors import Refused
from engine.operators import Operators, identity
from engine.roles import Role
from kvmtui import config
from tests.conftest import Ran

NOBODY = pwd.getpwnam("nobody").pw_uid


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    yield
    operators.use(Operators())


def _runs_as(monkeypatch: pytest.MonkeyPatch, uid: int, sudo: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "getuid", lambda: uid)
    monkeypatch.setenv("SUDO_USER", sudo)


def test_sudo_names_the_operator_of_the_service_account_and_of_root_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    operators.use(Operators({"anna": Role.SUPPORT, "nobody": Role.OPERATOR}, Role.VIEWER, account="nobody"))
    for uid in (0, NOBODY):
        _runs_as(monkeypatch, uid, "anna")
        assert (current_actor("cli").login, current_actor("cli").role) == ("anna", Role.SUPPORT)
    operators.use(Operators({"anna": Role.OWNER, "nobody": Role.OPERATOR}, Role.VIEWER, account="kvmtui"))
    assert (identity().login, identity().role) == ("nobody", Role.OPERATOR)  # anyone can set SUDO_USER
    assert "[operators]" in identity().why
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_USER")
    assert (identity().login, identity().role) == ("root", Role.VIEWER)
    assert "default_operator" in identity().why


def test_without_a_configuration_everybody_is_an_owner() -> None:
    assert current_actor("cli").role is Role.OWNER
    assert not current_actor("cli").scope.limited


@pytest.mark.parametrize("role", ["root", "metrics", ""])
def test_a_role_that_people_cannot_have_is_refused(home: Path, role: str) -> None:
    for line in (f'default_operator = "{role}"', f'[operators]\nanna = "{role}"'):
        (home / "config.toml").write_text(line)
        with pytest.raises(Refused, match="viewer"):
            config.load()


def test_whoami_says_the_role_and_where_it_comes_from(kvmtui: Callable[..., Ran], home: Path) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text('[operators]\nanna = "support"\n')
    found = json.loads(kvmtui("whoami", "--json", SUDO_USER="anna").stdout)
    name = pwd.getpwuid(os.getuid()).pw_name
    expected = ("anna", "support") if os.getuid() == 0 else (name, "owner")
    assert (found["name"], found["role"]) == expected
    text = kvmtui("whoami", SUDO_USER="anna")
    assert text.exit == 0 and found["why"] in text.stdout and found["may"] in text.stdout


def test_an_operator_of_a_smaller_role_is_refused_with_a_sentence(
    kvmtui: Callable[..., Ran], home: Path
) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text('default_operator = "viewer"\n')
    ran = kvmtui("client", "add", "Acme", "--email", "a@b.example")
    assert (ran.exit, ran.stdout) == (2, "")
    assert "Cannot create a client: this needs the role operator" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert kvmtui("client", "list").exit == 0
