"""Writes notifications in the transaction of what they report: both are committed, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.notify.settings import receivers
from engine.redact import redact
from engine.store.models import Notification
from engine.webhooks.catalog import LEVELS

CHANNEL = "notify"
NEVER = ("usage.month",)
"""Data for billing: one message per service and month, which no operator reads."""
_LONGEST = 1000
_TITLES = {
    "service.created": "{name} was created",
    "service.suspended": "{name} was suspended",
    "service.unsuspended": "{name} was unsuspended",
    "service.terminated": "{name} was terminated",
    "service.changed": "{name} was changed",
    "vm.ready": "{name} was deployed",
    "vm.stuck": "{name} is stuck",
    "vm.recovered": "{name} works again",
    "vm.reinstalled": "{name} was reinstalled",
    "vm.restored": "{name} was restored from a backup",
    "backup.done": "{name} was backed up",
    "backup.failed": "The backup of {name} failed",
    "password.changed": "The password of {name} was changed",
    "traffic.warning": "{name} has used most of its traffic quota",
    "traffic.exceeded": "{name} has used up its traffic quota",
    "traffic.restored": "{name} has traffic available again",
    "token.expiring": "Token {token} expires soon",
    "webhook.paused": "Webhook {webhook} is paused",
    "server.down": "Server {server} does not answer",
    "server.up": "Server {server} answers again",
}


def wanted(kind: str) -> bool:
    """Whether any target is notified of this event."""
    return kind not in NEVER and any(each.wants(LEVELS[kind]) for each in receivers().values())


def any_target() -> bool:
    """Whether anybody is notified of anything."""
    return bool(receivers())


def write(kind: str, facts: Sequence[Mapping[str, Any]]) -> int:
    """Write a notification of this event, with these facts, for every target that wants it; how many.

    Call it in the transaction of what it reports, and notify CHANNEL there.
    """
    if not facts or not wanted(kind):
        return 0
    level = LEVELS[kind]
    rows = [
        {
            "target": each.name,
            "type": kind,
            "level": level,
            "service": one.get("service_id"),
            "title": _title(kind, one),
            "details": _details(one),
        }
        for each in receivers().values()
        if each.wants(level)
        for one in facts
    ]
    Notification.insert_many(rows).execute()
    return len(rows)


def _title(kind: str, facts: Mapping[str, Any]) -> str:
    name = (facts.get("vm") or {}).get("name") or f"service {facts.get('service_id')}"
    title = _TITLES[kind].format_map({**facts, "name": name})
    return redact(title[:1].upper() + title[1:] if title.startswith("service") else title)


def _details(facts: Mapping[str, Any]) -> str:
    lines = []
    if "service_id" in facts:
        lines.append(f"Service {facts['service_id']} of {facts['client']}, product {facts['product']}")
    node = (facts.get("vm") or {}).get("node")
    if node:
        lines.append(f"Node {node}")
    if facts.get("expires_at"):
        lines.append(
            f"It expires at {facts['expires_at']}. Rotate it with: kvmtui token rotate {facts['token']}"
        )
    if facts.get("url"):
        lines.append(str(facts["url"]))
    if facts.get("error"):
        lines.append(str(facts["error"]))
    return redact("\n".join(lines))[:_LONGEST]
