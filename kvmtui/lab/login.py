"""Login and rights as calls of the API."""

from __future__ import annotations

from typing import Any

from kvmtui.lab.access import ROOT
from kvmtui.lab.world import LabCluster, serves


@serves("POST", "/access/ticket")
async def ticket(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """A ticket and a CSRF token for a password or an older ticket."""
    who = str(values["username"])
    if "@" not in who:
        who = f"{who}@{values.get('realm', 'pam')}"
    text, csrf, name = world.access.log_in(who, str(values["password"]))
    caps: dict[str, dict[str, int]] = {"vms": {}, "nodes": {}, "storage": {}, "access": {}, "dc": {}}
    return {
        "username": name,
        "ticket": text,
        "CSRFPreventionToken": csrf,
        "clustername": world.cluster_name,
        "cap": caps,
    }


@serves("GET", "/access/permissions")
async def permissions(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """Every privilege per path of the user, the token or somebody else."""
    who = str(values.get("userid") or user)
    if who != user:
        world.require(user, "/access", "Sys.Audit")
    held = world.access.permissions(who)
    path = values.get("path")
    if path is None:
        return held
    all_known = (
        world.dialect.privileges()
        if who == ROOT
        else [p for p in world.dialect.privileges() if world.allowed(who, path, p)]
    )
    return {path: dict.fromkeys(sorted(all_known), 1)}


@serves("GET", "/access/domains")
async def domains(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The realms one can log in to."""
    return [
        {"realm": "pam", "type": "pam", "comment": "Linux PAM standard authentication"},
        {"realm": "pve", "type": "pve", "comment": "Proxmox VE authentication server"},
    ]
