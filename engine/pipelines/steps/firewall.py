"""Configure firewall: options, policies, and the IP set that lets only the VM's own addresses out."""

from __future__ import annotations

from engine.ipam import allocate
from engine.pipelines.model import Done, Outcome, Skip
from engine.runner.context import Context

ANTI_SPOOFING = "ipfilter-net0"


def set_firewall(ctx: Context) -> Outcome:
    """Have the options of the plan, and `ipfilter-net0` hold exactly the VM's addresses."""
    firewall = ctx.guest.firewall
    wanted = _wanted(ctx)
    now = firewall.options()
    changes = {key: value for key, value in wanted.items() if now.get(key) != value}
    if changes:
        firewall.set_options(dict(changes))
    changed = _anti_spoofing(ctx) or bool(changes)
    return Done() if changed else Skip("no change")


def _wanted(ctx: Context) -> dict[str, str]:
    rules = ctx.plan.firewall
    flags = {
        "enable": rules.enable,
        "dhcp": rules.dhcp,
        "ndp": rules.ndp,
        "radv": rules.radv,
        "macfilter": rules.macfilter,
        "ipfilter": rules.ipfilter,
    }
    words = {
        "policy_in": rules.policy_in,
        "policy_out": rules.policy_out,
        "log_level_in": rules.log_in,
        "log_level_out": rules.log_out,
    }
    return {**{key: str(int(on)) for key, on in flags.items()}, **words}


def _anti_spoofing(ctx: Context) -> bool:
    """True when the set had to be changed. With DHCP an address is unknown, so a set would lock the VM out."""
    firewall = ctx.guest.firewall
    addresses = [str(row.address) for row in allocate.addresses_of_vm(ctx.vm)]
    net = ctx.plan.network
    if ctx.plan.firewall.antispoof and addresses and not (net.dhcp4 or net.dhcp6):
        return firewall.ensure_ipset(ANTI_SPOOFING, addresses)
    return firewall.remove_ipset(ANTI_SPOOFING)
