"""The commands that give a login what it needs on Proxmox: all of it at first, and later only what a check missed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.actions.doctor import CheckView
from engine.proxmox.privileges import (
    CONSOLE_ROLE,
    NET_ROLE,
    NODE_ROLE,
    STORE_ROLE,
    TEMPLATE_ROLE,
    Privilege,
    role_privileges,
)

USUAL_LOGIN = "kvmtui@pve!console"
_NAME = re.compile(r"privilege (?P<privilege>\S+) on (?P<path>\S+)")
_COMMAND = re.compile(r"pveum role modify (?P<role>\S+) --append 1 --privs (?P<privilege>\S+) && (?P<acl>.+)")
_PLACES = (
    ("/vms", CONSOLE_ROLE),
    ("/vms", TEMPLATE_ROLE),
    ("/storage", STORE_ROLE),
    ("/sdn/zones/localnetwork", NET_ROLE),
    ("/", NODE_ROLE),
)


@dataclass(frozen=True, slots=True)
class Right:
    """One privilege on one path as a check found it; `fix` is the command that grants it alone."""

    privilege: str
    path: str
    result: str
    fix: str


def rights(checks: Iterable[CheckView]) -> list[Right]:
    """The privileges among the checks of a server, in their order."""
    found = ((check, _NAME.fullmatch(check.name)) for check in checks)
    return [
        Right(named["privilege"], named["path"], check.result, check.fix) for check, named in found if named
    ]


def grant_commands(checks: Iterable[CheckView]) -> list[str]:
    """What to run on a node, as root, to grant everything the checks missed; each may be run again."""
    privileges: dict[str, list[str]] = {}
    acls: dict[str, None] = {}
    for right in rights(checks):
        named = _COMMAND.fullmatch(right.fix)
        if named:
            privileges.setdefault(named["role"], []).append(named["privilege"])
            acls[named["acl"]] = None
    return [_role(role, names) for role, names in privileges.items()] + list(acls)


def _role(role: str, privileges: Sequence[str]) -> str:
    """A role that may be there already: made if it is not, then given what it lacks."""
    names = " ".join(dict.fromkeys(privileges))
    return f'pveum role add {role} 2>/dev/null; pveum role modify {role} --append 1 --privs "{names}"'


def first_commands(login: str = USUAL_LOGIN) -> list[str]:
    """What to run on a node, as root, to make the token and the roles, and to grant them for the whole site.

    A login without a token is a user that exists already.
    """
    user, _, token = login.partition("!")
    made = [
        f"pveum user add {user} --comment 'kvmtui console'",
        f"pveum user token add {user} {token} --privsep 1",
    ]
    roles = [line for _, role in _PLACES for line in _whole_role(role)]
    who = f"--users '{user}'" + (f" --tokens '{login}'" if token else "")
    acls = [f"pveum acl modify {path} --roles {role} {who}" for path, role in _PLACES]
    return (made if token else []) + roles + acls


def _whole_role(role: str) -> list[str]:
    """A role with all it holds; the agent's privileges have other names in Proxmox VE 8 than in 9."""
    both = [each for each in role_privileges(role, 9) if 8 in each.versions]
    lines = [f'pveum role add {role} --privs "{_names(both)}"']
    new = [each for each in role_privileges(role, 9) if each not in both]
    old = [each for each in role_privileges(role, 8) if each not in both]
    if new and old:
        change = f"pveum role modify {role} --append 1 --privs"
        lines.append(f'{change} "{_names(new)}" || {change} "{_names(old)}"')
    return lines


def _names(privileges: Iterable[Privilege]) -> str:
    return " ".join(each.name for each in privileges)


def drive_command(vmid: int, storage: str) -> str:
    """What gives a template its cloud-init drive."""
    return f"qm set {vmid} --ide2 {shlex.quote(storage or 'STORAGE')}:cloudinit"


def template_commands(vmid: int, storage: str, bridge: str) -> list[str]:
    """What to run on a node, as root, to make a Debian template with a cloud-init drive and the guest agent."""
    drive = drive_command(vmid, storage)
    storage, bridge = shlex.quote(storage), shlex.quote(bridge)
    image = "debian-13-genericcloud-amd64.qcow2"
    return [
        "apt-get install -y libguestfs-tools wget",
        f"wget https://cloud.debian.org/images/cloud/trixie/latest/{image}",
        f"virt-customize -a {image} --install qemu-guest-agent --truncate /etc/machine-id",
        f"qm create {vmid} --name debian-13 --ostype l26 --memory 1024 --agent 1 --scsihw virtio-scsi-single "
        f"--net0 virtio,bridge={bridge} --serial0 socket --vga serial0",
        f"qm set {vmid} --scsi0 {storage}:0,import-from=$PWD/{image} --boot order=scsi0",
        drive,
        f"qm template {vmid}",
    ]
