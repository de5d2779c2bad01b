"""Cloud-init: values that are checked and hidden, the drive's regeneration, and what it tells the guest."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
import secrets
from typing import Any
from urllib.parse import unquote

from fakepve.routing import die, param_error

from kvmtui.lab import quorum
from kvmtui.lab.drives import drive_keys, is_cloudinit
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.world import LabCluster, serves

PATH = "/nodes/{node}/qemu/{vmid}/cloudinit"
KEYS = ("ciuser", "cipassword", "citype", "cicustom", "ciupgrade", "sshkeys", "nameserver", "searchdomain")
RELEVANT = re.compile(r"(?:ipconfig|net)\d+")
MASK = "**********"
CRYPTED = re.compile(r"\$[0-9a-z]{1,2}\$[./0-9A-Za-z]+\$.+")
KEY_TYPES = ("ssh-rsa", "ssh-ed25519", "ssh-dss", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")


def hashed_password(password: str, ostype: str) -> str:
    """The password as the config keeps it: hashed, unless it is a hash already or the guest is Windows."""
    if CRYPTED.fullmatch(password) or ostype.startswith(("win", "w2k", "wxp", "wvista")):
        return password
    salt = secrets.token_hex(4)
    digest = hashlib.sha256((salt + password).encode()).digest()
    return f"$5${salt}${base64.b64encode(digest, b'./').decode().rstrip('=')}"


def checked_keys(encoded: str) -> str:
    """SSH keys as sent, once each line is a public key."""
    for line in unquote(encoded).splitlines():
        parts = line.split()
        if line.strip() and not (len(parts) >= 2 and parts[0].startswith(KEY_TYPES) and _is_base64(parts[1])):
            raise die("SSH public key validation error")
    return encoded


def _is_base64(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9+/]{16,}={0,3}", text) is not None


def relevant(key: str) -> bool:
    """Whether a key of the config is part of what the cloud-init drive holds."""
    return key in KEYS or key == "name" or RELEVANT.fullmatch(key) is not None


def _relevant(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if relevant(key)}


def drive_of(guest: LabGuest) -> str | None:
    """The key of the cloud-init drive, if there is one."""
    return next((key for key in drive_keys(guest.config) if is_cloudinit(guest.config[key])), None)


def regenerate(guest: LabGuest) -> None:
    """Rewrite the drive from the config, as every start does."""
    if drive_of(guest):
        guest.generated = _relevant(guest.config)


@serves("GET", PATH)
async def overview(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Every option with what the drive holds and what the next generation would change."""
    guest = world.find(values["node"], values["vmid"])
    wanted, held = _relevant(guest.config), _relevant(guest.generated or guest.config)
    added = [key for key in wanted if key not in held]
    found: list[dict[str, Any]] = [{"key": key, "pending": _masked(key, wanted[key])} for key in added]
    for key in KEYS:
        if not wanted.get(key) or key in added:
            continue
        item = {"key": key, "value": _masked(key, held[key])}
        if held[key] != wanted[key]:
            item["pending"] = _masked(key, wanted[key])
        found.append(item)
    return found + [{"key": key, "delete": 1} for key in held if key not in wanted]


def _masked(key: str, value: Any) -> Any:
    return MASK if key == "cipassword" else value


@serves("PUT", PATH)
async def update(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Regenerate the drive of a VM now, pending cloud-init options included."""
    guest = world.find(values["node"], values["vmid"])
    world.check_unlocked(guest)
    quorum.check_write(world, guest.node, guest.vmid)
    for key in [k for k in guest.pending if k in _relevant(guest.pending)]:
        value = guest.pending.pop(key)
        if value is None:
            guest.config.pop(key, None)
        else:
            guest.config[key] = value
    regenerate(guest)
    world.effect("cloudinit", guest.node, guest.vmid)


@serves("GET", PATH + "/dump")
async def dump(world: LabCluster, values: dict[str, Any], user: str) -> str:
    """What the drive would tell the guest, as text."""
    guest = world.find(values["node"], values["vmid"])
    config = dict(guest.config)
    if config.get("cipassword") and not world.allowed(user, guest.path, "VM.Config.Cloudinit"):
        config["cipassword"] = MASK
    writers = {"user": _user_data, "network": _network_data, "meta": _meta_data}
    writer = writers.get(values["type"])
    if writer is None:
        raise param_error(
            type=f"value '{values['type']}' does not have a value in the enumeration 'user, network, meta'"
        )
    return writer(guest, config)


def _names(guest: LabGuest, config: dict[str, Any]) -> tuple[str, str]:
    """Host name and full name: a name without a dot gets the search domain, where there is one."""
    name = str(config.get("name") or f"VM{guest.vmid}")
    if "." in name:
        return name.split(".")[0], name
    domain = str(config.get("searchdomain", "")).split()
    return name, f"{name}.{domain[0]}" if domain else name


def _user_data(guest: LabGuest, config: dict[str, Any]) -> str:
    host, full = _names(guest, config)
    user = config.get("ciuser")
    lines = ["#cloud-config", f"hostname: {host}", "manage_etc_hosts: true", f"fqdn: {full}"]
    if user:
        lines.append(f"user: {user}")
    if user == "root":
        lines.append("disable_root: False")
    if config.get("cipassword"):
        lines.append(f"password: {config['cipassword']}")
    if config.get("sshkeys") is not None:
        keys = [key for key in unquote(str(config["sshkeys"])).splitlines() if key.strip()]
        lines += ["ssh_authorized_keys:", *(f"  - {key}" for key in keys)]
    lines += ["chpasswd:", "  expire: False"]
    if user != "root":
        lines += ["users:", "  - default"]
    if str(config.get("ciupgrade", 1)) == "1":
        lines.append("package_upgrade: true")
    return "\n".join(lines) + "\n"


def _network_data(guest: LabGuest, config: dict[str, Any]) -> str:
    lines = ["version: 1", "config:"]
    for number in range(32):
        ip, net = config.get(f"ipconfig{number}"), config.get(f"net{number}")
        if not ip or net is None:
            continue
        mac = next(
            (p.partition("=")[2] for p in str(net).split(",") if re.search(r"=(?:[0-9A-F]{2}:){5}", p)), ""
        )
        lines += ["    - type: physical", f"      name: eth{number}", f"      mac_address: '{mac.lower()}'"]
        lines += ["      subnets:", *_subnets(dict(part.partition("=")[::2] for part in str(ip).split(",")))]
    servers = str(config.get("nameserver", "192.0.2.53")).split()
    domains = str(config.get("searchdomain", "lab.test")).split()
    lines.append("    - type: nameserver")
    lines += ["      address:", *(f"      - '{server}'" for server in servers)] if servers else []
    lines += ["      search:", *(f"      - '{domain}'" for domain in domains)] if domains else []
    return "\n".join(lines) + "\n"


def _subnets(ip: dict[str, str]) -> list[str]:
    lines = []
    if ip.get("ip") == "dhcp":
        lines.append("      - type: dhcp4")
    elif ip.get("ip"):
        address = ipaddress.IPv4Interface(ip["ip"])
        lines += [
            "      - type: static",
            f"        address: '{address.ip}'",
            f"        netmask: '{address.netmask}'",
        ]
        lines += [f"        gateway: '{ip['gw']}'"] if ip.get("gw") else []
    if ip.get("ip6") in ("dhcp", "auto"):
        lines.append("      - type: dhcp6" if ip["ip6"] == "dhcp" else "      - type: ipv6_slaac")
    elif ip.get("ip6"):
        lines += ["      - type: static6", f"        address: '{ip['ip6']}'"]
        lines += [f"        gateway: '{ip['gw6']}'"] if ip.get("gw6") else []
    return lines


def _meta_data(guest: LabGuest, config: dict[str, Any]) -> str:
    content = (_user_data(guest, config) + _network_data(guest, config)).encode()
    return f"instance-id: {hashlib.sha1(content, usedforsecurity=False).hexdigest()}\n"
