"""The guest agent: silent until the guest has booted, then answering what its config says."""

from __future__ import annotations

from typing import Any

from fakepve import agent as answers
from fakepve import schema
from fakepve.routing import die

from kvmtui.lab.drives import NIC
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.world import Handler, LabCluster, serves

PREFIX = "/nodes/{node}/qemu/{vmid}/agent/"
# How long a probe waits for an agent that does not answer.
PROBE_SECONDS = 3
NO_CHPASSWD = (
    "child process has failed to set user password: failed to exec 'chpasswd': No such file or directory"
)
STATISTICS = tuple(
    f"{way}-{what}" for way in ("rx", "tx") for what in ("bytes", "dropped", "errs", "packets")
)


def _answer(command: str) -> Handler:
    async def handler(world: LabCluster, values: dict[str, Any], user: str) -> Any:
        """One agent command, or why there is no answer."""
        guest = world.find(values["node"], values["vmid"])
        await _check(world, guest)
        if command == "set-user-password" and not (guest.agent or {}).get("chpasswd", True):
            raise die(f"Agent error: {NO_CHPASSWD}\n")
        answers.record(guest, command, values)
        if command == "set-user-password":
            world.effect("password", guest.node, guest.vmid, str(values["username"]))
        if command == "network-get-interfaces" and not (guest.agent or {}).get("interfaces"):
            return {"result": _interfaces(guest)}
        if command == "set-user-password":
            return {"result": {}}
        return answers.result(guest, command, values)

    return handler


async def _check(world: LabCluster, guest: LabGuest) -> None:
    if str(guest.config.get("agent", "0")).split(",")[0].removeprefix("enabled=") != "1":
        raise die("No QEMU guest agent configured")
    if guest.booted is None:
        raise die(f"VM {guest.vmid} is not running")
    awake = guest.booted + world.took("agent", 4, 12, guest.vmid)
    if guest.agent is None or (world.clock.now() < awake and not world.clock.instant):
        await world.clock.sleep(PROBE_SECONDS)
        raise die("QEMU guest agent is not running")


def _interfaces(guest: LabGuest) -> list[dict[str, Any]]:
    """The loopback and each card with the addresses cloud-init gave it."""
    found: list[dict[str, Any]] = [_interface("lo", "00:00:00:00:00:00", ["127.0.0.1/8", "::1/128"])]
    for key in sorted(k for k in guest.config if NIC.fullmatch(k)):
        mac = str(guest.config[key]).split(",")[0].partition("=")[2].lower()
        ip = dict(
            part.partition("=")[::2] for part in str(guest.config.get(f"ipconfig{key[3:]}", "")).split(",")
        )
        fixed = [ip[name] for name in ("ip", "ip6") if "/" in ip.get(name, "")]
        found.append(_interface(f"eth{key[3:]}", mac, fixed or [f"192.0.2.{guest.vmid % 200 + 20}/24"]))
    return found


def _interface(name: str, mac: str, addresses: list[str]) -> dict[str, Any]:
    listed = []
    for text in addresses:
        address, _, prefix = text.partition("/")
        kind = "ipv6" if ":" in address else "ipv4"
        listed.append({"ip-address": address, "ip-address-type": kind, "prefix": int(prefix)})
    return {
        "name": name,
        "hardware-address": mac,
        "ip-addresses": listed,
        "statistics": dict.fromkeys(STATISTICS, 0),
    }


for _template, _methods in schema.load().paths.items():
    if _template.startswith(PREFIX):
        for _method in _methods:
            serves(_method, _template)(_answer(_template.removeprefix(PREFIX)))


@serves("POST", "/nodes/{node}/qemu/{vmid}/agent")
async def by_name(world: LabCluster, values: dict[str, Any], user: str) -> Any:
    """The older form: the command is a parameter."""
    command = str(values["command"])
    return await _answer(command)(world, {k: v for k, v in values.items() if k != "command"}, user)
