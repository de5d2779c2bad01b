"""What an operator or a token may do: four roles, each covering the one before it, and one that only reads metrics."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role; the words are those of config.toml, the command line and the API."""

    VIEWER = "viewer"
    SUPPORT = "support"
    OPERATOR = "operator"
    OWNER = "owner"
    METRICS = "metrics"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what needs the other one."""
        if needed is Role.METRICS:
            return self in (Role.METRICS, Role.OWNER)
        return self is not Role.METRICS and _LADDER.index(self) >= _LADDER.index(needed)


_LADDER = (Role.VIEWER, Role.SUPPORT, Role.OPERATOR, Role.OWNER)

DESCRIPTIONS: dict[Role, str] = {
    Role.VIEWER: "Reads everything but secrets.",
    Role.SUPPORT: "Everything of viewer; power, consoles, passwords, snapshots, backups, reverse DNS, ISO, notes.",
    Role.OPERATOR: "Everything of support; services, clients, VMs and DNS records.",
    Role.OWNER: "Everything: servers, pools, zones, products, settings, tokens, secrets, the record editor.",
    Role.METRICS: "Reads `/metrics` and nothing else.",
}
