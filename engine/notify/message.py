"""A message of one notification, or of many as one digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from engine.notify.settings import RANKS, site_name

SHOWN = 40
"""Lines of a digest; chat services cut off what is longer."""


@dataclass(frozen=True, slots=True)
class NotificationView:
    """A notification that is to be sent."""

    id: int
    type: str
    level: str
    title: str
    details: str
    created_at: int


@dataclass(frozen=True, slots=True)
class OperatorMessage:
    """What is sent: a title, a text, and how urgent it is."""

    title: str
    body: str
    level: str


def message_of(found: Sequence[NotificationView], zone: tzinfo) -> OperatorMessage:
    """The message of these notifications, the most urgent first; times are in this zone."""
    if len(found) == 1:
        (one,) = found
        body = "\n".join(filter(None, (one.details, f"{_time(one.created_at, zone)} · {one.type}")))
        return OperatorMessage(f"{site_name()}: {one.title}", body, one.level)
    ordered = sorted(found, key=lambda each: (-RANKS[each.level], each.id))
    counts = Counter(each.level for each in found)
    urgent = ", ".join(f"{counts[level]} {level}" for level in ("critical", "warning") if counts[level])
    title = f"{site_name()}: {len(found)} notifications" + (f" ({urgent})" if urgent else "")
    lines = [_line(each, zone) for each in ordered[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN} more; kvmtui shows them in its log and audit")
    return OperatorMessage(title, "\n".join(lines), ordered[0].level)


def sample() -> OperatorMessage:
    """What `kvmtui notify test` sends."""
    return OperatorMessage(
        f"{site_name()}: test",
        "This is a test of the notifications of kvmtui. If you read it, they work.",
        "info",
    )


def _line(one: NotificationView, zone: tzinfo) -> str:
    why = " ".join(one.details.splitlines()[-1:]) if one.level != "info" else ""
    mark = "" if one.level == "info" else f"[{one.level}] "
    return f"{mark}{_time(one.created_at, zone)} {one.title}" + (f": {why}" if why else "")


def _time(at: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at / 1000, zone).strftime("%Y-%m-%d %H:%M %Z")
