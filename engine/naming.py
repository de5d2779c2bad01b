"""Names and passwords of new VMs."""

from __future__ import annotations

import re
import secrets
import string
from datetime import UTC, datetime

_MACRO = re.compile(r"\{(?P<name>[a-z_]+?)(?:_(?P<count>[0-9]{1,2}))?\}")
_PLAIN = "abcdefghijkmnpqrstuvwxyz"
_LETTERS = _PLAIN + "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no l, o, I, O: they are read wrong from a screen
_DIGITS = "23456789"
_SIGNS = "-_.+="
_HOST = re.compile(r"[^a-z0-9-]+")


def vm_name(rule: str, *, client_id: int, service_id: int, now: datetime | None = None) -> str:
    """The name a rule makes, as a host name: `{service_id}-{unixtime}` becomes 5546-1776530141."""
    moment = now or datetime.now(UTC)
    fixed = {
        "client_id": str(client_id),
        "service_id": str(service_id),
        "unixtime": str(int(moment.timestamp())),
        "year": f"{moment:%Y}",
        "month": f"{moment:%m}",
        "day": f"{moment:%d}",
        "hour": f"{moment:%H}",
        "minute": f"{moment:%M}",
        "second": f"{moment:%S}",
    }

    def value(macro: re.Match[str]) -> str:
        name, count = macro["name"], int(macro["count"] or 1)
        if name == "random_digit":
            return "".join(secrets.choice(string.digits) for _ in range(count))
        if name == "random_letter":
            return "".join(secrets.choice(string.ascii_lowercase) for _ in range(count))
        return fixed.get(name, macro[0])

    made = _HOST.sub("-", _MACRO.sub(value, rule).lower()).strip("-")
    return made[:63].strip("-") or f"vm-{service_id}"


def os_user() -> str:
    """A user name nobody guesses, which every Linux accepts."""
    return "u" + "".join(secrets.choice(_PLAIN + _DIGITS) for _ in range(7))


def password(length: int = 22) -> str:
    """A strong password without characters that are mistaken for others."""
    while True:
        made = "".join(secrets.choice(_LETTERS + _DIGITS + _SIGNS) for _ in range(length))
        if any(c in _DIGITS for c in made) and any(c in _SIGNS for c in made[1:-1]) and made[0] in _LETTERS:
            return made
