"""Configure cloud-init: who may log in, and the addresses inside the guest.

The password goes to Proxmox as a hash, except for Windows, which needs it in clear. A repeated look does not send
it again: a new salt would be a new instance for cloud-init.
"""

from __future__ import annotations

import hashlib

from engine import naming
from engine.ipam import allocate
from engine.pipelines.context import Context
from engine.pipelines.steps.crypt import sha512_crypt
from engine.proxmox.codecs import IpConfig, encode_ssh_keys
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.store import secrets
from engine.store.models import Address, Vm
from engine.work.model import Done, Fail, Outcome

NO_DRIVE = "the VM has no cloud-init drive; add one to its template (ide2: STORAGE:cloudinit)"


def set_cloudinit(ctx: Context) -> Outcome:
    """Have user, password, keys, addresses and name servers on the cloud-init drive."""
    config = ctx.guest.recent_config()
    if config.cloudinit_drive is None:
        return Fail(NO_DRIVE)
    # Proxmox never shows the password, so each run of the step sends it once
    changes = _differing(ctx, config) if ctx.acted else login(ctx, config)
    if changes:
        return ctx.act(lambda: ctx.guest.set_config(changes))
    return Done(_by_hand(allocate.addresses_of_vm(ctx.vm)))


def login(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """What of the cloud-init drive differs, and the password, which cannot be compared."""
    if config.cloudinit_drive is None:
        return {}
    changes = _differing(ctx, config)
    return {**changes, "cipassword": password_for(ctx, config)}


def _differing(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """What of the cloud-init drive differs, the password aside."""
    ensure_login(ctx)
    return {key: value for key, value in _wanted(ctx).items() if config.text(key) != value}


def renew_addresses(ctx: Context) -> bool:
    """Put changed addresses and name servers on the drive, and nothing else; says whether it had to be done."""
    config = ctx.guest.recent_config()
    wanted = {key: value for key, value in _wanted(ctx).items() if key in ("ipconfig0", "nameserver")}
    changes = {key: value for key, value in wanted.items() if config.text(key) != value}
    if config.cloudinit_drive is None or not changes:
        return False
    ctx.guest.set_config(changes)
    return True


def ensure_login(ctx: Context) -> None:
    """Choose user and password once; they are kept (sealed) before they are sent."""
    vm = ctx.vm
    if vm.os_user and vm.os_password:
        return
    sealed = vm.os_password or secrets.seal(naming.password(), "vm", vm.uid, "os_password")
    ctx.save(os_user=vm.os_user or ctx.plan.os_user or naming.os_user(), os_password=sealed)


def password_for(ctx: Context, config: GuestConfig) -> str:
    """The VM's password as Proxmox keeps it: a hash, or itself for Windows."""
    clear = secrets.unseal(ctx.vm.os_password, "vm", ctx.vm.uid, "os_password")
    return clear if config.windows else sha512_crypt(clear, _salt(ctx.vm))


def _salt(vm: Vm) -> str:
    """A salt per VM that never changes: cloud-init takes a different hash for a new instance."""
    return hashlib.sha256(f"{vm.uid} {vm.smbios_uuid}".encode()).hexdigest()[:16]


def _wanted(ctx: Context) -> dict[str, str]:
    addresses = allocate.addresses_of_vm(ctx.vm)
    wanted = {"ciuser": ctx.vm.os_user, "ipconfig0": _ipconfig(ctx, addresses)}
    if ctx.plan.ssh_keys:
        wanted["sshkeys"] = encode_ssh_keys(ctx.plan.ssh_keys)
    servers = list(dict.fromkeys(one for row in addresses for one in (row.dns1, row.dns2) if one))
    if servers:
        wanted["nameserver"] = " ".join(servers)
    if ctx.vm.domain:
        wanted["searchdomain"] = ctx.vm.domain
    return {key: value for key, value in wanted.items() if value}


def _ipconfig(ctx: Context, addresses: list[Address]) -> str:
    """One address per family; Proxmox takes no more for a card."""
    net = ctx.plan.network
    four, six = _first(addresses, 4), _first(addresses, 6)
    return IpConfig.of(
        ip="dhcp" if net.dhcp4 else _cidr(four),
        gw=four.gateway if four and not net.dhcp4 and four.gateway else None,
        ip6="dhcp" if net.dhcp6 else _cidr(six),
        gw6=six.gateway if six and not net.dhcp6 and six.gateway else None,
    ).format()


def _by_hand(addresses: list[Address]) -> tuple[str, ...]:
    """The line about the addresses cloud-init has no room for."""
    given = (_first(addresses, 4), _first(addresses, 6))
    rest = [str(row.address) for row in addresses if row not in given]
    return (f"further addresses are to be set up inside the guest: {', '.join(rest)}",) if rest else ()


def _first(addresses: list[Address], version: int) -> Address | None:
    return next((row for row in addresses if row.address.version == version), None)


def _cidr(row: Address | None) -> str | None:
    return f"{row.address}/{row.prefix}" if row else None
