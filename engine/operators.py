"""Who is at this process, and with which role: the login of sudo or of the process, looked up in what config.toml says.

A console in a browser may act for a token instead, as long as that token is valid (`act_for`).

The engine does not read config.toml; whoever opens the site hands the table over with `use`. Without one, every login
is an owner: that is how daemons and tests act.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.roles import Role

ACCOUNT = "kvmtui"


@dataclass(frozen=True, slots=True)
class Operators:
    """Roles by login, the role of everyone else, and the account that kvmtui runs as on a shared host."""

    roles: Mapping[str, Role] = field(default_factory=dict)
    default: Role = Role.OWNER
    account: str = ACCOUNT


@dataclass(frozen=True, slots=True)
class Identity:
    """A login or `token:NAME`, its role, what gave it, and the id of the token; 0 for a login."""

    login: str
    role: Role
    why: str
    token_id: int = 0


_operators = Operators()
_signed_in: Callable[[], Identity] | None = None


def use(operators: Operators) -> None:
    """From now on roles are looked up here."""
    global _operators
    _operators = operators


def act_for(signed_in: Callable[[], Identity] | None) -> None:
    """Act for a signed-in token from now on; None: for the login again.

    `signed_in` is called whenever the identity is needed, and raises NotAuthenticated once the token is not valid.
    """
    global _signed_in
    _signed_in = signed_in


def acts_for_a_token() -> bool:
    """Whether this process acts for a token, which may end at any time."""
    return _signed_in is not None


def identity() -> Identity:
    """The operator or token behind this process; NotAuthenticated when its token has expired or was revoked."""
    if _signed_in is not None:
        return _signed_in()
    name = login()
    if (role := _operators.roles.get(name)) is not None:
        return Identity(name, role, f"[operators] in config.toml gives {name} this role")
    return Identity(name, _operators.default, f"default_operator: [operators] does not list {name}")


def login() -> str:
    """The login of sudo when the program runs as root or as its service account, else that of the process.

    Only sudo starts a program as another user and sets SUDO_USER; in an ordinary login anyone can set it.
    """
    own = _name_of(os.geteuid())
    sudo = os.environ.get("SUDO_USER")
    return sudo if sudo and (os.geteuid() == 0 or own == _operators.account) else _name_of(os.getuid())


def _name_of(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
