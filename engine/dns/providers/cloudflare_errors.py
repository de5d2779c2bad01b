"""What Cloudflare's error codes mean for us. They are documented nowhere, so codes decide and the text is
kept.
"""

from __future__ import annotations

from typing import Any

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.http import Reply

ALREADY_THERE = frozenset({81057, 81058})
ALREADY_GONE = frozenset({81044})
_CONFLICTS = frozenset({81053, 81054, 81055, 81056, 81057, 81058})
_BAD_TOKEN = frozenset({6003, 6111, 9106, 9109, 1000, 1001})
_NO_ROUTE = frozenset({7000, 7003, 1001, 1002})
_QUOTA = 81045
_DENIED = 10000


def refusal(reply: Reply, answer: object, zone: str, zone_id: str) -> ProviderError:
    """The error behind an answer that is no success, with its kind and the next step."""
    code, said = _first_error(answer) if isinstance(answer, dict) else (0, "")
    said = said or " ".join(reply.text.split())[:200] or "no reason given"
    kind, advice = _sort(reply.status, code, zone, zone_id)
    number = f" {code}" if code else ""
    return ProviderError(
        kind,
        f"Cloudflare: {reply.status}{number} {said.rstrip('.')}." + (f" {advice}" if advice else ""),
        said=said,
        status=reply.status,
        code=code,
        retry_after=reply.retry_after,
    )


def _first_error(answer: dict[str, Any]) -> tuple[int, str]:
    """The code and text of the first error, its chain of causes added to the text."""
    errors = [error for error in answer.get("errors") or [] if isinstance(error, dict)]
    if not errors:
        return 0, ""
    first = errors[0]
    causes = [str(cause.get("message", "")) for cause in first.get("error_chain") or []]
    text = ": ".join(part.rstrip(". ") for part in (str(first.get("message", "")), *causes) if part)
    return int(first.get("code", 0)), text


def _sort(status: int, code: int, zone: str, zone_id: str) -> tuple[DnsErrorKind, str]:
    if status == 429:
        return (
            DnsErrorKind.TRANSIENT,
            "The token has used up its calls; it will be tried again after the pause.",
        )
    if status >= 500:
        return DnsErrorKind.TRANSIENT, "It will be tried again."
    if code in _CONFLICTS:
        return (
            DnsErrorKind.CONFLICT,
            "A record of somebody else is there; remove it or rename the VM.",
        )
    if code == _QUOTA:
        return DnsErrorKind.PERMANENT, f"The plan of {zone} allows no more records."
    if code in _NO_ROUTE or (status == 404 and code not in ALREADY_GONE):
        return DnsErrorKind.MISSING_ZONE, f"Check the zone ID {zone_id} on the overview page of {zone}."
    if code == _DENIED:
        return DnsErrorKind.PERMISSION, f"Give the token Zone / DNS / Edit on {zone}."
    if code in _BAD_TOKEN or status == 401:
        return DnsErrorKind.AUTH, "Check the API token."
    if status == 403:
        return DnsErrorKind.PERMISSION, f"Give the token Zone / DNS / Edit on {zone}."
    return DnsErrorKind.PERMANENT, ""
