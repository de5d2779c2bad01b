"""What HA does with a guest it manages, and what to wait for: kvmtui asks HA and never works against it.

Proxmox hands the ordinary start, stop, shutdown and migrate calls of such a guest to HA. Their tasks (hastart, hastop,
hamigrate) end as soon as HA was asked; the guest changes some seconds later, and HA may move it at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WantedState = Literal["started", "stopped"]
_MOVING = ("migrate", "relocate")
STUCK = {
    "error": "HA gave up on it after an error; disable it in HA, repair it and enable it again",
    "fence": "its node is being fenced; HA starts it on another one",
    "recovery": "its node is gone; HA is looking for another one that can take it",
    "freeze": "its node is being shut down or updated, and HA leaves it alone until that is over",
}


@dataclass(frozen=True, slots=True)
class HaState:
    """A guest in the HA manager: the state it is in, and the one that was requested."""

    vmid: int
    state: str
    requested: str

    @property
    def sid(self) -> str:
        """Its name in HA."""
        return f"vm:{self.vmid}"

    @property
    def moving(self) -> bool:
        """Whether HA is moving it to another node."""
        return self.state in _MOVING

    def why_wait(self, wanted: WantedState) -> str:
        """Why the guest is not as wanted yet, as a sentence; empty when HA has it so, or was not asked."""
        if self.state in STUCK:
            return f"VM {self.vmid} is managed by HA: {STUCK[self.state]}."
        if self.moving:
            return f"VM {self.vmid} is managed by HA, which is moving it to another node."
        if self.requested == wanted and self.state != wanted:
            now = self.state or "queued"
            return f"VM {self.vmid} is managed by HA (state {now}, requested {wanted}); waiting for HA."
        return ""
