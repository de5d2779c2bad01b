"""Which privileges our calls need, on which path and for what, and the command that grants each: PVE 8 and PVE 9.

docs/proxmox-role.md shows the same roles as commands to copy; a test keeps the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

CONSOLE_ROLE = "KvmtuiConsole"
TEMPLATE_ROLE = "KvmtuiTemplate"
STORE_ROLE = "KvmtuiStore"
ISO_ROLE = "KvmtuiIso"
NODE_ROLE = "KvmtuiNode"
NET_ROLE = "KvmtuiNet"
CPU_ROLE = "KvmtuiCpu"


class Use(StrEnum):
    """What a site does with its VMs beyond deploying, changing and removing them; each needs privileges of its own."""

    ISO = "ISO images"
    SNAPSHOTS = "snapshots"
    BACKUPS = "backups"
    MIGRATION = "several nodes"
    CONSOLES = "consoles"
    AGENT = "passwords through the guest agent"
    CUSTOM_CPU = "templates with a custom CPU model"


@dataclass(frozen=True, slots=True)
class Privilege:
    """One privilege of one role, and what stops working without it.

    Without a `use` every site needs it. With `fallback` kvmtui works around its absence.
    """

    name: str
    role: str
    why: str
    use: Use | None = None
    versions: tuple[int, ...] = (7, 8, 9)
    fallback: str = ""

    def needed_by(self, uses: frozenset[Use]) -> bool:
        """Whether a site with these uses needs it."""
        return self.use is None or self.use in uses


_AGENT_FALLBACK = "kvmtui restarts the VM instead to set a password"

PRIVILEGES: tuple[Privilege, ...] = (
    Privilege("VM.Audit", CONSOLE_ROLE, "read configs, status, charts and firewalls"),
    Privilege("VM.Allocate", CONSOLE_ROLE, "create and delete VMs"),
    Privilege("VM.Config.CPU", CONSOLE_ROLE, "set cores and sockets"),
    Privilege("VM.Config.Memory", CONSOLE_ROLE, "set memory"),
    Privilege("VM.Config.Disk", CONSOLE_ROLE, "resize, limit, add and remove disks"),
    Privilege("VM.Config.Network", CONSOLE_ROLE, "set network cards, firewall and anti-spoofing"),
    Privilege("VM.Config.Options", CONSOLE_ROLE, "write the name and the ownership mark"),
    Privilege("VM.Config.Cloudinit", CONSOLE_ROLE, "set user, password, keys and addresses"),
    Privilege("VM.PowerMgmt", CONSOLE_ROLE, "start, stop and restart"),
    Privilege("VM.Migrate", CONSOLE_ROLE, "move a new VM to its node", Use.MIGRATION),
    Privilege("VM.Config.CDROM", CONSOLE_ROLE, "mount and eject ISO images", Use.ISO),
    Privilege("VM.Snapshot", CONSOLE_ROLE, "take, delete and roll back to snapshots", Use.SNAPSHOTS),
    Privilege("VM.Backup", CONSOLE_ROLE, "back up, restore and delete backups", Use.BACKUPS),
    Privilege("VM.Console", CONSOLE_ROLE, "open consoles", Use.CONSOLES),
    Privilege(
        "VM.Monitor",
        CONSOLE_ROLE,
        "ask the guest agent and set passwords through it",
        Use.AGENT,
        (7, 8),
        _AGENT_FALLBACK,
    ),
    Privilege(
        "VM.GuestAgent.Unrestricted",
        CONSOLE_ROLE,
        "ask the guest agent and set passwords through it",
        Use.AGENT,
        (9,),
        _AGENT_FALLBACK,
    ),
    Privilege("VM.Audit", TEMPLATE_ROLE, "find the template and read its config"),
    Privilege("VM.Clone", TEMPLATE_ROLE, "clone the template"),
    Privilege("Datastore.AllocateSpace", STORE_ROLE, "put disks and backups there"),
    Privilege("Datastore.Audit", STORE_ROLE, "see the storage and what it holds"),
    Privilege("Datastore.Audit", ISO_ROLE, "list and mount the ISO images", Use.ISO),
    Privilege(
        "Sys.Audit",
        NODE_ROLE,
        "read the cluster's quorum, the cluster firewall, the nodes' clocks and memory, and tasks of an older token",
    ),
    Privilege("SDN.Use", NET_ROLE, "connect VMs to bridges", None, (8, 9)),
    Privilege("Mapping.Use", CPU_ROLE, "clone a template with a custom CPU model", Use.CUSTOM_CPU, (9,)),
)
_CPU_PATH = "/mapping"


@dataclass(frozen=True, slots=True)
class PrivilegeGrant:
    """A privilege that is needed on a path, for us to check and the operator to grant."""

    path: str
    privilege: Privilege

    def command(self, login: str) -> str:
        """What to type on a node, as root, to grant it."""
        name, role = self.privilege.name, self.privilege.role
        who = f"--users '{login.partition('!')[0]}'"
        if "!" in login:  # a token may do only what its user may do too
            who += f" --tokens '{login}'"
        if re.fullmatch(r"/vms/\d+", self.path):
            who += " --propagate 0"
        return (
            f"pveum role modify {role} --append 1 --privs {name} && "
            f"pveum acl modify {self.path} --roles {role} {who}"
        )


def role_privileges(role: str, major: int) -> tuple[Privilege, ...]:
    """The privileges of one of our roles in one version of Proxmox VE."""
    return tuple(item for item in PRIVILEGES if item.role == role and major in item.versions)


def grants(
    major: int,
    *,
    guests: str = "/vms",
    templates: Iterable[int] = (),
    disk_storages: Iterable[str] = (),
    iso_storages: Iterable[str] = (),
    bridges: Iterable[str] = (),
    custom_cpu: bool = False,
) -> tuple[PrivilegeGrant, ...]:
    """Everything the login may have to be allowed, path by path, to sell VMs made of these parts.

    While no template is known, those below the guests' path are meant.
    """
    version = min(max(major, 7), 9)
    places = [(guests, CONSOLE_ROLE), ("/", NODE_ROLE)]
    places += [(f"/vms/{vmid}", TEMPLATE_ROLE) for vmid in templates] or [(guests, TEMPLATE_ROLE)]
    places += [(f"/storage/{name}", STORE_ROLE) for name in disk_storages]
    places += [(f"/storage/{name}", ISO_ROLE) for name in iso_storages]
    places += [(f"/sdn/zones/localnetwork/{name}", NET_ROLE) for name in bridges]
    places += [(_CPU_PATH, CPU_ROLE)] if custom_cpu else []
    found: dict[tuple[str, str], PrivilegeGrant] = {}
    for path, role in places:
        for item in role_privileges(role, version):
            found.setdefault((path, item.name), PrivilegeGrant(path, item))
    return tuple(found.values())


def grant_for(name: str, path: str) -> PrivilegeGrant:
    """The grant that lifts a refusal of this privilege on this path, with the role and path of our roles.

    Privileges on VMs are granted for all of them at once: a role on one VM would replace those it inherits.
    """
    if name == "VM.Clone":
        return PrivilegeGrant(path, Privilege(name, TEMPLATE_ROLE, ""))
    if path.startswith("/vms"):
        return PrivilegeGrant("/vms", Privilege(name, CONSOLE_ROLE, ""))
    if path.startswith("/storage"):
        return PrivilegeGrant(
            path, Privilege(name, ISO_ROLE if name == "Datastore.Audit" else STORE_ROLE, "")
        )
    if path.startswith("/sdn"):
        return PrivilegeGrant("/".join(path.split("/")[:5]), Privilege(name, NET_ROLE, ""))
    if path.startswith("/mapping"):
        return PrivilegeGrant(path, Privilege(name, CPU_ROLE, ""))
    return PrivilegeGrant("/" if name == "Sys.Audit" else path, Privilege(name, NODE_ROLE, ""))
