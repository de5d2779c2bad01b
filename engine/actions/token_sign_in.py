"""Sign in to a console with a token of the API, and check on each use that the token is still valid."""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import dataclass

from engine.actions import tokens
from engine.errors import Failed, Forbidden, NotAuthenticated
from engine.operators import Identity
from engine.queries.tokens import state_of
from engine.roles import Role
from engine.store.database import session
from engine.store.models import ApiToken

log = logging.getLogger(__name__)
_SPELLED = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")
ENDED = "Your token has expired, or was rotated or revoked. Sign in with a valid token."


@dataclass(frozen=True, slots=True)
class SignIn:
    """A token that was presented once: its id and the digest of the secret it had then."""

    token_id: int
    digest: str

    def spelled(self) -> str:
        """As text, for the environment of a console; it does not let anybody use the API."""
        return f"{self.token_id}:{self.digest}"


def sign_in(presented: str, address: str) -> tuple[SignIn, Identity]:
    """Let the holder of a token use a console; wrong tokens are refused as the API refuses them.

    The console shows the whole site, so a token that is limited to clients or products is refused.
    """
    actor = tokens.authenticate(presented, address)
    if actor.scope.limited:
        raise Forbidden(
            f"Cannot sign in with {actor.login}: the console shows the whole site, and this token is limited to some "
            "clients or products. Use a token without limits, or the API."
        )
    if not actor.role.covers(Role.VIEWER):
        raise Forbidden(
            f"Cannot sign in with {actor.login}: the console needs the role viewer, and this token has {actor.role}. "
            "Use another token."
        )
    known = SignIn(actor.token_id, tokens.digest_of(presented))
    return known, identity_of(known)


def identity_of(known: SignIn) -> Identity:
    """Name and role of the token; NotAuthenticated when it has expired, or was rotated or revoked."""
    with session():
        row = ApiToken.get_or_none(ApiToken.id == known.token_id)
    if row is None or not hmac.compare_digest(row.digest, known.digest) or state_of(row) != "active":
        raise NotAuthenticated(ENDED)
    return Identity(f"token:{row.name}", Role(row.role), "the role of the token", row.id)


class SignedIn:
    """The identity of a console that acts for a token, read again at each use."""

    def __init__(self, spelled: str) -> None:
        """`spelled` is what `SignIn.spelled` wrote; NotAuthenticated when the token is not valid."""
        found = _SPELLED.fullmatch(spelled)
        if found is None:
            raise NotAuthenticated(ENDED)
        self._sign_in = SignIn(int(found[1]), found[2])
        self._newest = identity_of(self._sign_in)

    def __call__(self) -> Identity:
        """The identity; while the database does not answer, the one known before: nothing can be changed then."""
        try:
            self._newest = identity_of(self._sign_in)
        except Failed as error:
            log.warning("The token of this console could not be checked: %s", error.sentence)
        return self._newest
