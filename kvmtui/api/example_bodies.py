"""An example of every body that has fields to fill in, by operation; and of a traffic quota, which two answers hold."""

from __future__ import annotations

from typing import Any

BODIES: dict[str, dict[str, Any]] = {
    "create_client": {"name": "Acme", "email": "ops@acme.example", "language": "en"},
    "change_client": {"email": "noc@acme.example"},
    "create_service": {
        "client": "Acme",
        "product": "VPS-2",
        "options": {"cores": 4},
        "external_ref": "order-1017",
    },
    "change_service": {"external_ref": "order-1017", "notes": "Paid yearly."},
    "suspend_service": {"reason": "invoice 2026-118 is not paid"},
    "change_package": {"product": "VPS-4", "options": {"memory": 8192}},
    "reinstall_vm": {"template": "9001"},
    "set_reverse_name": {"name": "mail.acme.example"},
    "create_snapshot": {"name": "before-upgrade", "note": "before the upgrade"},
    "set_backup_schedule": {"days": ["mon", "thu"], "at": "03:15"},
    "change_webhook": {"state": "paused"},
    "test_notify_targets": {"targets": ["oncall"]},
    "resend_notifications": {"targets": []},
    "create_webhook": {"url": "https://shop.example.com/kvmtui", "events": ["vm.ready"]},
    "open_session": {"view": False},
    "mount_iso": {"iso": "local:iso/debian-13.iso"},
}
QUOTA: dict[str, Any] = {
    "month": "2026-04",
    "counts": "both",
    "used": 90194313216,
    "limit": 107374182400,
    "percent": 84,
    "state": "warned",
    "warn_percent": 80,
    "action": "throttle",
    "throttle_mbs": 1,
    "throttled": False,
    "suspended": False,
    "waived": False,
    "resets": "2026-05-01T00:00:00Z",
}
