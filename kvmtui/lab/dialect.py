"""What differs between the Proxmox VE versions the lab can speak.

One value of Dialect answers every question of the kind "does this version do that".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fakepve import shapes

from engine.errors import Refused

SHORT_NAMES = {"7": "7.4-17", "7.4": "7.4-17", "8": "8.4.14", "9": "9.1.9"}
GUEST_AGENT_PRIVILEGES = (
    "VM.GuestAgent.Audit",
    "VM.GuestAgent.FileRead",
    "VM.GuestAgent.FileSystemMgmt",
    "VM.GuestAgent.FileWrite",
    "VM.GuestAgent.Unrestricted",
)
ONLY_IN_9 = frozenset({*GUEST_AGENT_PRIVILEGES, "VM.Replicate"})
# Parameters that came with a version; older ones do not know them.
SINCE_9 = frozenset(
    {
        "allow-ksm",
        "intel-tdx",
        "ha-managed",
        "with-conntrack-state",
        "lock-token",
        "auto-rebalance",
        "failback",
        "snapshot-as-volume-chain",
    }
)
SINCE_8 = frozenset(
    {
        "amd-sev",
        "ciupgrade",
        "fleecing",
        "import-working-storage",
        "job-id",
        "nets-host-mtu",
        "notification-mode",
        "overrule-shutdown",
        "pbs-change-detection-mode",
        "policy_forward",
    }
)
REQUIRED_BY = re.compile(r"missing property required by ('[^']*')")
# Paths that came with version 9.
NEW_PATHS = re.compile(
    r"/cluster/(?:ha/rules|bulk-action|ha/status/(?:dis)?arm-ha)|/access/vncticket"
    r"|/nodes/\{node\}/capabilities/qemu/(?:cpu-flags|migration)"
    r"|/nodes/\{node\}/storage/\{storage\}/(?:identity|oci-registry-pull)"
    r"|/nodes/\{node\}/qemu/\{vmid\}/dbus-vmstate"
)
# Parameters of vzdump that 9 dropped.
VZDUMP_OF_8 = {
    "maxfiles": {"type": "integer", "minimum": 1, "optional": 1},
    "notification-policy": {"type": "string", "enum": ["always", "failure", "never"], "optional": 1},
    "notification-target": {"type": "string", "format": "pve-configid", "optional": 1},
}
ONLY_SINCE_8 = frozenset({"SDN.Use", "Mapping.Audit", "Mapping.Modify", "Mapping.Use"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One Proxmox VE version and its habits."""

    version: str
    number: tuple[int, int, int]

    @classmethod
    def of(cls, version: str) -> Dialect:
        """The dialect of a version, given as "9", "8", "7.4" or in full; refuses what is no version."""
        full = SHORT_NAMES.get(version, version)
        parts = re.fullmatch(r"(\d+)\.(\d+)(?:[.-](\d+))?", full)
        if parts is None or not 7 <= int(parts[1]) <= 9:
            raise Refused(f"The lab can be Proxmox VE 7.4, 8 or 9, not '{version}'. Name one of these.")
        return cls(full, (int(parts[1]), int(parts[2]), int(parts[3] or 0)))

    @property
    def release(self) -> str:
        """Major and minor, as GET /version says it."""
        return f"{self.number[0]}.{self.number[1]}"

    @property
    def major(self) -> int:
        return self.number[0]

    @property
    def tells_message(self) -> bool:
        """Errors carry their full text in the JSON body, not only in the reason phrase."""
        return self.number >= (8, 3, 0)

    @property
    def resize_is_a_task(self) -> bool:
        return self.number >= (8, 0, 1)

    @property
    def memory_is_text(self) -> bool:
        return self.number >= (8, 1, 0)

    @property
    def hides_login_reason(self) -> bool:
        """A bad ticket or token reads `Authentication failed!` whatever was wrong."""
        return self.number >= (9, 1, 5) or (8, 4, 17) <= self.number < (9, 0, 0)

    @property
    def gives_vnc_password(self) -> bool:
        return self.number >= (8, 4, 18)

    def requirement(self, text: str) -> str:
        """The error of a missing parameter that another one requires, in the words of this version."""
        if self.major >= 9 or "required by" not in text:
            return text
        return REQUIRED_BY.sub(r"missing property - \1 requires this property", text)

    @property
    def checks_cpu_models(self) -> bool:
        """A custom CPU model needs a right of its own, for clones too."""
        return self.number >= (9, 1, 5)

    @property
    def checks_backup_stop(self) -> bool:
        """Stopping running backup jobs needs Sys.Modify on the node."""
        return self.number >= (9, 2, 8)

    @property
    def names_new_id_in_clone_log(self) -> bool:
        return self.major >= 9

    def serves(self, method: str, template: str) -> bool:
        """Whether this version has the path."""
        return self.major >= 9 or not NEW_PATHS.match(template)

    def parameters(self, method: str, template: str, info: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of a call as this version declares them."""
        rules: dict[str, Any] = info.get("parameters") or {}
        if self.major >= 9 or not template.endswith("/vzdump"):
            return rules
        return {**rules, "properties": {**rules.get("properties", {}), **VZDUMP_OF_8}}

    def unknown(self, values: Iterable[str]) -> list[str]:
        """The parameters among these that this version does not have."""
        if self.major >= 9:
            return []
        newer = SINCE_9 if self.major == 8 else SINCE_9 | SINCE_8
        return [name for name in values if name in newer]

    def rule(self, permissions: Any) -> Any:
        """A permission rule of the newest schema as this version has it."""
        if self.major >= 9 or permissions is None:
            return permissions
        return _older_rule(permissions)

    def privileges(self) -> frozenset[str]:
        """Every privilege this version knows."""
        known = set(shapes.PRIVILEGES)
        if self.major < 9:
            known = (known - ONLY_IN_9) | {"VM.Monitor"}
        if self.number < (8, 2, 0):
            known -= {"Sys.AccessNetwork"}
        if self.major < 8:
            known -= ONLY_SINCE_8
        return frozenset(known)


def _older_rule(rule: Any) -> Any:
    """The same rule with the one privilege the guest agent needed before version 9."""
    if isinstance(rule, dict):
        return {key: _older_rule(value) for key, value in rule.items()}
    if isinstance(rule, list):
        older = [_older_rule(value) for value in rule]
        return list(dict.fromkeys(older)) if all(isinstance(value, str) for value in older) else older
    return "VM.Monitor" if rule in GUEST_AGENT_PRIVILEGES else rule
