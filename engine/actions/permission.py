"""What each action needs: a role, and whether it concerns the whole site. Declared once, enforced on every surface.

An action is a function that takes an `actor`. `@needs` refuses it to a role that is too small, to an actor whose
scope is limited when the action concerns the whole site, and, when it takes a `service_id` or `service_ids`, for
services outside the actor's scope: those read as if they did not exist.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from engine import operators
from engine.audit import Actor
from engine.errors import Forbidden
from engine.queries.scoping import need_service
from engine.roles import Role

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Needs:
    """What an action needs, and what it does as an imperative."""

    role: Role
    what: str
    whole_site: bool


def needs(role: Role, what: str, *, whole_site: bool = False) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Declare what an action needs; `what` says what it does, such as `suspend a service`."""
    declared = Needs(role, what, whole_site)

    def declare(action: Callable[P, T]) -> Callable[P, T]:
        signature = inspect.signature(action)

        @wraps(action)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            given = signature.bind(*args, **kwargs).arguments
            actor: Actor = given["actor"]
            require(actor, declared)
            if actor.scope.limited:
                for number in _services(given):
                    need_service(actor.scope, number)
            return action(*args, **kwargs)

        vars(guarded)["needs"] = declared
        return guarded

    return declare


def _services(given: dict[str, Any]) -> list[int]:
    return [*([given["service_id"]] if "service_id" in given else []), *given.get("service_ids", ())]


def require(actor: Actor, declared: Needs) -> None:
    """Refuse an actor whose role is too small, or who is limited while the whole site is concerned.

    An actor that a dialog kept while its token was revoked is refused too.
    """
    if operators.acts_for_a_token() and actor.token_id > 0:
        operators.identity()
    if not actor.role.covers(declared.role):
        raise Forbidden(sentence(actor.login, actor.role, declared))
    if declared.whole_site and actor.scope.limited:
        raise Forbidden(
            f"Cannot {declared.what}: this concerns the whole site, and {actor.login} is limited to some clients or "
            "products. Use a token without limits."
        )


def sentence(login: str, role: Role, declared: Needs) -> str:
    """Why a role may not do it, and what to do."""
    return (
        f"Cannot {declared.what}: this needs the role {declared.role}, and {login} has {role}. "
        "Ask an owner; `kvmtui whoami` shows your role."
    )


def declared_by(action: Callable[..., Any]) -> Needs | None:
    """What an action declares; None when it declares nothing."""
    found = vars(action).get("needs")
    return found if isinstance(found, Needs) else None
