"""The types of events that endpoints can get."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from engine.errors import InvalidValue

BY = "by "
"""What the reason of a pause begins with when an operator made it; the login follows."""
TYPES: dict[str, str] = {
    "service.created": "A service was created or a guest was adopted.",
    "service.suspended": "A service was suspended.",
    "service.unsuspended": "A service was unsuspended.",
    "service.terminated": "A service was terminated; its VM is removed.",
    "service.changed": "A change of product or options was applied to the VM.",
    "vm.ready": "A VM was deployed.",
    "vm.stuck": "A step failed; it is retried. Sent once until the VM recovers.",
    "vm.recovered": "A VM that was stuck works again.",
    "vm.reinstalled": "A VM was reinstalled.",
    "vm.restored": "A backup was restored.",
    "backup.done": "A backup was made.",
    "backup.failed": "A backup failed.",
    "password.changed": "The password of a VM was changed. It never holds the password.",
    "traffic.warning": "A service has used most of its traffic quota. Once per month and quota.",
    "traffic.exceeded": "A service has used up its traffic quota. Once per month and quota.",
    "traffic.restored": "The month has ended or the quota was raised: what traffic.exceeded led to is undone.",
    "usage.month": "The traffic of a service in a month that has ended.",
    "token.expiring": "An API token expires within 14 days. Once per token.",
    "webhook.paused": "An endpoint was paused, because it took no message for three days or is gone.",
    "server.down": "A server does not answer.",
    "server.up": "A server answers again.",
}
Level = Literal["info", "warning", "critical"]
_URGENT: dict[str, Level] = {
    "vm.stuck": "warning",
    "backup.failed": "warning",
    "token.expiring": "warning",
    "webhook.paused": "warning",
    "server.down": "critical",
}
LEVELS: dict[str, Level] = {kind: _URGENT.get(kind, "info") for kind in TYPES}
"""How urgent each event is for operators; notifications are filtered by it."""
TEST = "webhook.test"
"""Sent by `kvmtui webhook test` alone."""

SUCCEEDED = {
    "Adopt": "vm.ready",
    "Backup": "backup.done",
    "ChangePackage": "service.changed",
    "Deploy": "vm.ready",
    "Reinstall": "vm.reinstalled",
    "ResetPassword": "password.changed",
    "Restore": "vm.restored",
    "Suspend": "service.suspended",
    "Terminate": "service.terminated",
    "Unsuspend": "service.unsuspended",
}
"""What the successful end of a run tells, by its action."""


def chosen(types: Iterable[str]) -> list[str]:
    """The types as an endpoint keeps them, in order, each once; an unknown one is refused."""
    wanted = set(types)
    unknown = sorted(wanted - TYPES.keys())
    if unknown:
        raise InvalidValue("events", f"Unknown event '{unknown[0]}'. Use any of: {', '.join(TYPES)}.")
    return [each for each in TYPES if each in wanted]
