"""Which privileges our calls need, on which path, and the command that grants each: PVE 8 and PVE 9.

docs/proxmox-role.md shows the same roles as commands to copy; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CONSOLE_ROLE = "KvmtuiConsole"
TEMPLATE_ROLE = "KvmtuiTemplate"
STORE_ROLE = "KvmtuiStore"
ISO_ROLE = "KvmtuiIso"
NODE_ROLE = "KvmtuiNode"
NET_ROLE = "KvmtuiNet"


@dataclass(frozen=True, slots=True)
class Privilege:
    """One privilege of one role, and what stops working without it."""

    name: str
    role: str
    why: str
    versions: tuple[int, ...] = (7, 8, 9)
    needed: bool = True


PRIVILEGES: tuple[Privilege, ...] = (
    Privilege("VM.Audit", CONSOLE_ROLE, "read configs, status, charts and firewalls"),
    Privilege("VM.Allocate", CONSOLE_ROLE, "make and delete guests"),
    Privilege("VM.Clone", CONSOLE_ROLE, "clone templates kept among the customers' guests"),
    Privilege("VM.Config.CPU", CONSOLE_ROLE, "set cores and sockets"),
    Privilege("VM.Config.Memory", CONSOLE_ROLE, "set memory"),
    Privilege("VM.Config.Disk", CONSOLE_ROLE, "resize, limit, add and remove disks"),
    Privilege("VM.Config.Network", CONSOLE_ROLE, "set network cards, firewall and anti-spoofing"),
    Privilege("VM.Config.Options", CONSOLE_ROLE, "write the name and the ownership mark"),
    Privilege("VM.Config.Cloudinit", CONSOLE_ROLE, "set user, password, keys and addresses"),
    Privilege("VM.Config.CDROM", CONSOLE_ROLE, "mount and eject ISO images"),
    Privilege("VM.Config.HWType", CONSOLE_ROLE, "change the model of hardware"),
    Privilege("VM.PowerMgmt", CONSOLE_ROLE, "start, stop and restart"),
    Privilege("VM.Migrate", CONSOLE_ROLE, "move a new guest to its node"),
    Privilege("VM.Snapshot", CONSOLE_ROLE, "take and delete snapshots"),
    Privilege("VM.Snapshot.Rollback", CONSOLE_ROLE, "go back to a snapshot"),
    Privilege("VM.Backup", CONSOLE_ROLE, "back up and restore"),
    Privilege("VM.Console", CONSOLE_ROLE, "open consoles"),
    Privilege(
        "VM.Monitor", CONSOLE_ROLE, "ask the guest agent and set passwords through it", (7, 8), needed=False
    ),
    Privilege("VM.GuestAgent.Audit", CONSOLE_ROLE, "ask the guest agent", (9,), needed=False),
    Privilege(
        "VM.GuestAgent.Unrestricted", CONSOLE_ROLE, "set passwords through the agent", (9,), needed=False
    ),
    Privilege("VM.Audit", TEMPLATE_ROLE, "find the template and read its config"),
    Privilege("VM.Clone", TEMPLATE_ROLE, "clone the template"),
    Privilege("Datastore.AllocateSpace", STORE_ROLE, "put disks and backups there"),
    Privilege("Datastore.Audit", STORE_ROLE, "see the storage and what lies on it"),
    Privilege("Datastore.Audit", ISO_ROLE, "list the ISO images"),
    Privilege(
        "Sys.Audit", NODE_ROLE, "see nodes, their tasks after the token was renewed, and the cluster firewall"
    ),
    Privilege("SDN.Use", NET_ROLE, "plug guests into bridges", (8, 9)),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """A privilege that is needed on a path, for us to check and the operator to grant."""

    path: str
    privilege: Privilege

    def command(self, login: str) -> str:
        """What to type on a node, as root, to grant it."""
        name, role = self.privilege.name, self.privilege.role
        who = f"--users '{login.partition('!')[0]}'"
        if "!" in login:  # a token may do only what its user may do too
            who += f" --tokens '{login}'"
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
) -> tuple[Grant, ...]:
    """Everything the login must be allowed, path by path, to sell guests made of these parts."""
    version = min(max(major, 7), 9)
    places = [(guests, CONSOLE_ROLE), ("/", NODE_ROLE)]
    places += [(f"/vms/{vmid}", TEMPLATE_ROLE) for vmid in templates]
    places += [(f"/storage/{name}", STORE_ROLE) for name in disk_storages]
    places += [(f"/storage/{name}", ISO_ROLE) for name in iso_storages]
    places += [(f"/sdn/zones/localnetwork/{name}", NET_ROLE) for name in bridges]
    found = (Grant(path, item) for path, role in places for item in role_privileges(role, version))
    return tuple(dict.fromkeys(found))
