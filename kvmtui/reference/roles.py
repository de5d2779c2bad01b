"""What each role may do, from what the actions of the engine declare."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from typing import Any

import engine.actions
from engine.actions.permission import Needs, declared_by
from engine.imports.puq.importing import IMPORT
from engine.imports.whmcs.adopting import IMPORT_SHOP
from engine.roles import DESCRIPTIONS, Role
from kvmtui.reference.markdown import GENERATED, code, table

_ELSEWHERE = ("engine.audit_archive", "engine.queries.login", "engine.schedule.run_now")
_WITHOUT_ACTOR = (
    IMPORT,
    IMPORT_SHOP,
    Needs(Role.OWNER, "back up the database", whole_site=True),
    Needs(Role.OWNER, "rotate the secret key", whole_site=True),
)


def page() -> str:
    """The roles, and every action with the role it needs."""
    declared = {each.what: each for each in (*_WITHOUT_ACTOR, *_declared())}
    rows = sorted(declared.values(), key=lambda each: (list(Role).index(each.role), each.what))
    lines = [
        "# Roles",
        GENERATED,
        "[Security](../security.md) explains where roles are set and what a token with limits sees.",
        table(("Role", "May"), ((code(role), DESCRIPTIONS[role]) for role in Role)),
        "## Actions",
        "Each needs the role named here or a larger one. *Whole site*: refused to a token with limits.",
        table(
            ("To", "Role", "Whole site"),
            ((each.what, code(each.role), "yes" if each.whole_site else "") for each in rows),
        ),
    ]
    return "\n\n".join(lines)


def _declared() -> list[Needs]:
    names = [f"engine.actions.{name}" for _, name, _ in pkgutil.iter_modules(engine.actions.__path__)]
    values: list[Any] = [
        value for name in (*names, *_ELSEWHERE) for value in vars(import_module(name)).values()
    ]
    found = (declared_by(value) for value in values if inspect.isfunction(value))
    return [each for each in found if each is not None]
