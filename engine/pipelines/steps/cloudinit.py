"""Configure cloud-init: who may log in, and the addresses inside the guest.

The password goes to Proxmox as a hash, except for Windows, which needs it in clear. A repeated look does not send
it again: a new salt would be a new instance for cloud-init.
"""

from __future__ import annotations

from engine import naming
from engine.ipam import allocate
from engine.pipelines.model import Done, Fail, Outcome, Skip
from engine.pipelines.steps.crypt import sha512_crypt
from engine.proxmox.codecs import IpConfig, encode_ssh_keys
from engine.proxmox.guest_values import GuestConfig
from engine.runner.context import Context
from engine.store import secrets
from engine.store.models import Address


def set_cloudinit(ctx: Context) -> Outcome:
    """Have user, password, keys, addresses and name servers on the cloud-init drive."""
    config = ctx.guest.recent_config()
    if config.cloudinit_drive is None:
        return Fail("the VM has no cloud-init drive; add one to its template (ide2: STORAGE:cloudinit)")
    ensure_login(ctx)
    wanted = _wanted(ctx)
    changes = {key: value for key, value in wanted.items() if config.text(key) != value}
    if not ctx.flow.get("password_sent"):
        changes["cipassword"] = _for_proxmox(ctx, config)
    if not changes:
        return Done() if ctx.flow.get("acted") == "cloudinit" else Skip("no change")
    ctx.remember(acted="cloudinit", password_sent=True)
    return ctx.act(lambda: ctx.guest.set_config(changes))


def ensure_login(ctx: Context) -> None:
    """Choose user and password once; they are kept (sealed) before they are sent."""
    vm = ctx.vm
    if vm.os_user and vm.os_password:
        return
    sealed = vm.os_password or secrets.seal(naming.password(), "vm", vm.uid, "os_password")
    ctx.save(os_user=vm.os_user or ctx.plan.os_user or naming.os_user(), os_password=sealed)


def _for_proxmox(ctx: Context, config: GuestConfig) -> str:
    clear = secrets.unseal(ctx.vm.os_password, "vm", ctx.vm.uid, "os_password")
    return clear if config.windows else sha512_crypt(clear)


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
    """One address per family; Proxmox takes no more for a card, the others are noted for the operator."""
    net = ctx.plan.network
    four = next((row for row in addresses if row.address.version == 4), None)
    six = next((row for row in addresses if row.address.version == 6), None)
    rest = [str(row.address) for row in addresses if row not in (four, six)]
    if rest:
        ctx.note(f"further addresses are to be set up inside the guest: {', '.join(rest)}")
    return IpConfig.of(
        ip="dhcp" if net.dhcp4 else _cidr(four),
        gw=four.gateway if four and not net.dhcp4 and four.gateway else None,
        ip6="dhcp" if net.dhcp6 else _cidr(six),
        gw6=six.gateway if six and not net.dhcp6 and six.gateway else None,
    ).format()


def _cidr(row: Address | None) -> str | None:
    return f"{row.address}/{row.prefix}" if row else None
