"""The role that each changing action of the console needs; the engine enforces it, the console says so beforehand."""

from __future__ import annotations

from typing import Any

from engine.roles import Role
from screens.common.actions import Action

_SUPPORT = (
    "vm.start", "vm.shutdown", "vm.stop", "vm.reboot", "vm.password", "vm.rdns", "vm.console", "page.notes",
    "snapshots.new", "snapshots.back", "snapshots.delete", "snapshots.schedule", "backups.new", "backups.back",
    "backups.delete", "backups.schedule", "iso.mount", "iso.eject", "clients.notes",
)  # fmt: skip
_OPERATOR = (
    "vm.redeploy", "vm.reset", "vm.delete_record", "vm.step", "vm.reinstall", "vm.dns", "overview.apply",
    "clients.add", "clients.edit", "clients.delete", "services.add", "services.adopt", "servers.adopt",
    "service.package", "service.options", "service.suspend", "service.unsuspend", "service.terminate",
    "settings.run", "settings.unlock",
)  # fmt: skip
NEEDED = dict.fromkeys(_SUPPORT, Role.SUPPORT) | dict.fromkeys(_OPERATOR, Role.OPERATOR)
"""By the id of the action; every other change needs an owner."""


def role_refusal(app: Any, asked: Action) -> str | None:
    """Why the role of this console's operator does not allow an action; None when it does."""
    role = getattr(app, "role", Role.OWNER)
    needed = NEEDED.get(asked.id, Role.OWNER)
    if not asked.changes or role.covers(needed):
        return None
    return f"'{asked.label}' needs the role {needed}; yours is {role}. Ask an owner."
