"""Who is at this process, and with which role: the login of sudo or of the process, looked up in what config.toml says.

The engine does not read config.toml; whoever opens the site hands the table over with `use`. Without one, every login
is an owner: that is how daemons and tests act.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
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
    """A login, its role, and the setting that gave it."""

    login: str
    role: Role
    why: str


_operators = Operators()


def use(operators: Operators) -> None:
    """From now on roles are looked up here."""
    global _operators
    _operators = operators


def identity() -> Identity:
    """The operator behind this process."""
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
