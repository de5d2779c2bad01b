"""Examples of webhooks, their messages, and a target of notifications, for the schema."""

from __future__ import annotations

from typing import Any

WEBHOOK: dict[str, Any] = {
    "id": 1,
    "url": "https://shop.example.com/kvmtui",
    "events": ["vm.ready"],
    "allow_private": False,
    "state": "enabled",
    "why": "",
    "failing_since": None,
    "pending": 0,
    "failed": 0,
    "created_at": "2026-04-10T03:49:18Z",
    "created_by": "token:shop",
    "last_sent": "2026-04-10T03:49:19Z",
}
DELIVERY: dict[str, Any] = {
    "id": 7,
    "webhook": 1,
    "message_id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    "type": "vm.ready",
    "service_id": 5546,
    "state": "sent",
    "attempts": 1,
    "status": 204,
    "error": "",
    "created_at": "2026-04-10T03:49:18Z",
    "due_at": None,
    "sent_at": "2026-04-10T03:49:19Z",
    "body": "{}",
}
TARGET: dict[str, Any] = {
    "name": "oncall",
    "url": "ntfys://…",
    "level": "warning",
    "quiet_hours": "22:00-07:00",
    "time_zone": "Europe/Warsaw",
    "state": "ok",
    "pending": 0,
    "failed": 2,
    "last_sent": "2026-04-10T03:49:19Z",
    "failing_since": None,
    "error": "",
}
