"""Who may come in and what they may do: passwords, tickets, API tokens, privileges per path."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fakepve.model import PveError

from kvmtui.lab.dialect import Dialect

ROOT = "root@pam"
TICKET_SECONDS = 7200
# The paths Proxmox always lists in GET /access/permissions.
DEFAULT_PATHS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A password login: who, its CSRF token, and when it ends (real seconds)."""

    user: str
    csrf: str
    ends: float


class Access:
    """Logins and rights. A token starts with every privilege there is; tests remove them."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.passwords: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.sessions: dict[str, LoginSession] = {}
        # Counts every change of rights, so that kept answers can be thrown away.
        self.revision = 0
        self._granted: dict[str, dict[str, set[str]]] = {}
        # Rights that override instead of adding up, as ACL entries do: the deepest path with an entry decides.
        self._roles: dict[str, dict[str, frozenset[str]]] = {}
        self._denied: dict[str, set[tuple[str, str]]] = {}

    # ---- rights

    def grant(self, user: str, path: str, *privileges: str) -> None:
        """Give privileges on a path and everything below it."""
        self.revision += 1
        self._granted.setdefault(user, {}).setdefault(_clean(path), set()).update(privileges)
        for privilege in privileges:
            self._denied.get(user, set()).discard((_clean(path), privilege))

    def set_roles(self, user: str, roles: Mapping[str, Iterable[str]]) -> None:
        """Replace all rights of a user by privileges per path; a path's entry overrides those above it.

        A path that ends with `!` does not propagate to what is below it.
        """
        self.revision += 1
        self._granted.pop(user, None)
        self._denied.pop(user, None)
        self._roles[user] = {_clean(path): frozenset(held) for path, held in roles.items()}

    def strip(self, user: str) -> None:
        """Take everything from a user, so that only what is granted afterwards counts."""
        self.revision += 1
        self._granted[user] = {}
        self._denied.pop(user, None)
        self._roles.pop(user, None)

    def revoke(self, user: str, privilege: str, path: str = "/") -> None:
        """Revoke a privilege on a path and everything below it."""
        self.revision += 1
        self._denied.setdefault(user, set()).add((_clean(path), privilege))

    def forget(self, path: str) -> None:
        """Drop every right given on exactly this path, as when a guest is destroyed."""
        self.revision += 1
        for held in self._granted.values():
            held.pop(path, None)

    def allowed(self, user: str, path: str, privilege: str) -> bool:
        """Whether the user or token holds the privilege there; the root login always does."""
        if user == ROOT:
            return True
        above = _ancestors(_clean(path))
        if any((place, privilege) in self._denied.get(user, ()) for place in above):
            return False
        held = self._granted.get(user, {})
        if any(privilege in held.get(place, ()) for place in above):
            return True
        return user in self._roles and privilege in self._role_at(user, above)

    def _role_at(self, user: str, above: list[str]) -> frozenset[str]:
        roles = self._roles[user]
        exact = roles.get(above[-1] + "!")
        if exact is not None:
            return exact
        return next((roles[place] for place in reversed(above) if place in roles), frozenset())

    def permissions(self, user: str) -> dict[str, dict[str, int]]:
        """Every privilege per path, as GET /access/permissions tells it."""
        if user == ROOT:
            return {path: dict.fromkeys(sorted(self._dialect.privileges()), 1) for path in DEFAULT_PATHS}
        roles = (path.removesuffix("!") for path in self._roles.get(user, {}))
        paths = {
            *DEFAULT_PATHS,
            *roles,
            *self._granted.get(user, {}),
            *(p for p, _ in self._denied.get(user, ())),
        }
        held = {path: self._held(user, path) for path in sorted(paths)}
        return {path: privileges for path, privileges in held.items() if privileges}

    def _held(self, user: str, path: str) -> dict[str, int]:
        return {p: 1 for p in sorted(self._dialect.privileges()) if self.allowed(user, path, p)}

    # ---- logins

    def log_in(self, user: str, password: str) -> tuple[str, str, str]:
        """Ticket, CSRF token and user for a password or for a ticket that is still good."""
        session = self.sessions.get(password)
        by_ticket = session is not None and session.user == user and session.ends > time.time()
        known = self.passwords.get(user)
        if not by_ticket and not (known and hmac.compare_digest(known.encode(), password.encode())):
            raise PveError(401, "authentication failure")
        stamp = f"{int(time.time()):08X}"
        ticket = f"PVE:{user}:{stamp}::{secrets.token_urlsafe(48)}"
        csrf = f"{stamp}:{secrets.token_urlsafe(32)}"
        self.sessions[ticket] = LoginSession(user, csrf, time.time() + TICKET_SECONDS)
        return ticket, csrf, user

    def end_sessions(self) -> None:
        """Let every ticket die, as after two hours."""
        self.sessions.clear()

    def by_token(self, header: str) -> str:
        """The token named by an Authorization header, or a 401."""
        name, _, secret = header.removeprefix("PVEAPIToken=").partition("=")
        known = self.tokens.get(name)
        if known is None:
            user, _, token = name.partition("!")
            raise self._refused(f"no such token '{token}' for user '{user}'")
        if not hmac.compare_digest(known.encode(), secret.encode()):
            raise self._refused("invalid token value!")
        return name

    def by_ticket(self, ticket: str | None, csrf: str | None, *, changing: bool) -> str:
        """The user of a ticket cookie, or a 401."""
        if not ticket:
            raise PveError(401, "No ticket")
        session = self.sessions.get(ticket)
        if session is None or session.ends < time.time():
            raise self._refused("permission denied - invalid PVE ticket")
        if changing and not hmac.compare_digest(session.csrf.encode(), (csrf or "").encode()):
            raise PveError(401, "Permission denied - invalid csrf token")
        return session.user

    def _refused(self, reason: str) -> PveError:
        return PveError(401, "Authentication failed!" if self._dialect.hides_login_reason else reason)


def _clean(path: str) -> str:
    return path.rstrip("/") or "/"


def _ancestors(path: str) -> list[str]:
    parts = path.strip("/").split("/") if path != "/" else []
    return ["/", *("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))]
