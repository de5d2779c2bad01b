"""The module commands: what each does, when it may run, and what follows it in a deploy.

`*` may run while the VM runs, `**` only while it is off, `->` names the command that follows in a deploy.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused
from engine.nearest import nearest


@dataclass(frozen=True, slots=True)
class Command:
    """One module command."""

    name: str
    does: str
    running: bool | None = (
        None  # True: may run while the VM runs; False: only while it is off; None: no matter
    )
    next: str = ""
    statuses: tuple[str, ...] = (
        "ready",
    )  # statuses in which it is allowed; empty: whenever a VM is idle or stuck

    @property
    def marks(self) -> str:
        """Its prefix and arrow as the legend writes them."""
        star = {True: "*", False: "**", None: ""}[self.running]
        return f"{star}{self.name}" + (f" -> {self.next}" if self.next else "")


_ANY: tuple[str, ...] = ()
COMMANDS: tuple[Command, ...] = (
    Command("Start", "Switch the VM on."),
    Command("Stop", "Switch the VM off.", statuses=_ANY),
    Command("Reinstall", "Wipe the VM and reinstall it."),
    Command("VMSetDedicatedIp", "Assign the addresses of the product.", None, "VMClone", _ANY),
    Command("VMClone", "Clone the VM from its template, if it is not there.", None, "Set CPU RAM", _ANY),
    Command("Set CPU RAM", "Apply cores and memory.", False, "Set System Disk Size", _ANY),
    Command("Set System Disk Size", "Grow the system disk.", True, "Set System Disk Bandwidth", _ANY),
    Command("Set System Disk Bandwidth", "Apply its limits.", True, "Set Created Additional Disk", _ANY),
    Command(
        "Set Created Additional Disk",
        "Create the second disk if it is missing.",
        True,
        "Set Additional Disk Size",
        _ANY,
    ),
    Command("Set Additional Disk Size", "Grow the second disk.", True, "Set Additional Disk Bandwidth", _ANY),
    Command("Set Additional Disk Bandwidth", "Apply its limits.", True, "Set Network", _ANY),
    Command("Set Network", "Apply bridge, VLAN, rate and model.", True, "Set Firewall", _ANY),
    Command("Set Firewall", "Apply options, policies and the anti-spoofing set.", True, "SetCloudinit", _ANY),
    Command("SetCloudinit", "Write user, password, keys and addresses for cloud-init.", False, "", _ANY),
    Command("VMRemove", "Delete the VM from Proxmox.", True, "", _ANY),
    Command("Set DNS records", "Correct every DNS record.", None, "", _ANY),
)
DESTRUCTIVE: dict[str, str] = {
    "VMRemove": "The VM and its disks are deleted on Proxmox; its addresses and its record stay.",
    "Reinstall": "Everything on the VM's disks and its snapshots is lost.",
    "SetCloudinit": "Sets user and password in the guest at its next start.",
}
_BY_NAME = {command.name: command for command in COMMANDS}
_CONFIRMED = ("VMRemove", "Reinstall")


def needs_name(command: str) -> bool:
    """Whether the VM's name must be typed before it runs."""
    return command in _CONFIRMED


def exact_name(text: str) -> str:
    """The command an operator means, whatever case and spaces were typed."""
    wanted = "".join(text.lower().split())
    for name in _BY_NAME:
        if "".join(name.lower().split()) == wanted:
            return name
    raise Refused(f"Unknown step '{text}'.{nearest(text, _BY_NAME)} Use one of: {', '.join(_BY_NAME)}.")


def check(name: str, vm_status: str, running: bool) -> str | None:
    """Why a command may not run now, as a sentence; None when it may."""
    command = _BY_NAME[name]
    if vm_status in ("remove", "terminate"):
        return f"the VM is in {vm_status}."
    if command.statuses and vm_status not in command.statuses:
        return f"it needs a VM that is {' or '.join(command.statuses)}; this one is at ({vm_status})."
    if command.running is False and running:
        return "it can run only while the VM is off (**). Stop the VM first."
    return None
