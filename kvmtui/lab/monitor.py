"""Talking to QEMU itself: its monitor, its keyboard and SPICE."""

from __future__ import annotations

from typing import Any

from fakepve.routing import die, param_error

from kvmtui.lab.access import ROOT
from kvmtui.lab.world import LabCluster, serves

QEMU = "/nodes/{node}/qemu/{vmid}"
# Monitor commands anybody who may use the monitor can give, and those that need Sys.Modify on /.
FREE = frozenset({"info", "help", "?"})
MODIFYING = frozenset({"system_reset", "system_powerdown", "stop", "cont", "sendkey", "balloon", "set_link"})


@serves("PUT", QEMU + "/sendkey")
async def sendkey(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Press a key of a running VM."""
    if values.get("skiplock") and user != ROOT:
        raise param_error(skiplock="Only root may use this option.")
    guest = world.find(values["node"], values["vmid"])
    if not guest.running:
        raise die(f"VM {guest.vmid} not running")
    world.effect("sendkey", guest.node, guest.vmid, str(values["key"]))


@serves("POST", QEMU + "/monitor")
async def monitor(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """The answer of QEMU to a monitor command, or why there is none."""
    words = str(values["command"]).split()
    if not words:
        raise die(f"unexpected command '{values['command']}'")
    if words[0] in MODIFYING:
        world.require(user, "/", "Sys.Modify")
    elif words[0] not in FREE and user != ROOT:
        text = "non-existent or not assigned a required permission yet, limiting to root user"
        raise die(f"command '{words[0]}' {text}")
    guest = world.find(values["node"], values["vmid"])
    if not guest.running:
        return f"ERROR: VM {guest.vmid} not running\n"
    return f"VM status: {guest.qmpstatus}\r\n" if words[:2] == ["info", "status"] else ""


@serves("POST", QEMU + "/spiceproxy")
async def spiceproxy(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Refused: no VM of the lab has SPICE."""
    guest = world.find(values["node"], values["vmid"])
    raise die("no spice port" if guest.running else f"VM {guest.vmid} not running")
