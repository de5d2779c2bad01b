"""Configure firewall: options, policies, and the IP set that lets only the VM's own addresses out."""

from __future__ import annotations

from collections.abc import Iterable

from engine.ipam import allocate
from engine.pipelines.context import Context
from engine.pipelines.steps import facts
from engine.store.models import Address
from engine.work.model import Again, Outcome

ANTI_SPOOFING = "ipfilter-net0"


def set_firewall(ctx: Context) -> Outcome:
    """Have the options of the plan, and `ipfilter-net0` hold exactly the VM's addresses."""
    if bring_about(ctx, allocate.addresses_of_vm(ctx.vm)):
        return Again()
    notes: tuple[str, ...] = ()
    if ctx.plan.firewall.enable and not facts.firewall_on(ctx.cluster):
        notes = ("the cluster's own firewall is switched off, so no rule of this VM has an effect yet",)
    return ctx.reached(notes)


def bring_about(ctx: Context, addresses: Iterable[Address]) -> bool:
    """Make options and set right for these addresses; says whether anything had to be changed."""
    firewall = ctx.guest.firewall
    now = firewall.options()
    changes = {key: value for key, value in _wanted(ctx).items() if now.get(key) != value}
    if changes:
        firewall.set_options(dict(changes))
    return _anti_spoofing(ctx, [str(row.address) for row in addresses]) or bool(changes)


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


def _anti_spoofing(ctx: Context, addresses: list[str]) -> bool:
    """True when the set had to be changed. With DHCP an address is unknown, so a set would lock the VM out."""
    firewall = ctx.guest.firewall
    net = ctx.plan.network
    if ctx.plan.firewall.antispoof and addresses and not (net.dhcp4 or net.dhcp6):
        return firewall.ensure_ipset(ANTI_SPOOFING, addresses)
    return firewall.remove_ipset(ANTI_SPOOFING)
