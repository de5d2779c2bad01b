"""Allocate IP: the VM's name and its addresses, taken in the same transaction as the step."""

from __future__ import annotations

from engine import naming
from engine.errors import KvmtuiError
from engine.ipam import allocate
from engine.ipam.allocate import Want
from engine.pipelines.context import Context
from engine.plan import Plan
from engine.store.database import transaction
from engine.store.models import Address, Vm
from engine.work.model import Done, Fail, Outcome, Skip


def want(plan: Plan) -> Want:
    """What the plan asks of the pools."""
    net = plan.network
    return Want(
        ipv4=net.ipv4,
        ipv6=net.ipv6,
        auto_bridge=net.auto_bridge,
        bridge=net.bridge,
        vlan=net.vlan,
        dhcp4=net.dhcp4,
        dhcp6=net.dhcp6,
    )


def allocate_ip(ctx: Context) -> Outcome:
    """Name the VM and reserve its addresses; all of them or none."""
    name_it(ctx)
    return take_addresses(ctx)


def take_addresses(ctx: Context) -> Outcome:
    """Bring the VM's addresses to what the plan asks; the network of its card follows them."""
    before = held(ctx.vm)
    try:
        after = [str(row.address) for row in _bring_to(ctx, want(ctx.plan))]
    except KvmtuiError as error:
        return Fail(error.sentence)
    if before and set(after) == set(before):
        return Skip("no change")
    return Done((f"addresses: {', '.join(after)}" if after else "no address is allocated (DHCP)",))


def add_addresses(ctx: Context) -> Outcome | None:
    """Take what the plan asks beyond what the VM holds, and give nothing up yet; an Outcome only when it failed."""
    try:
        _bring_to(ctx, want(ctx.plan), giving_up=False)
    except KvmtuiError as error:
        return Fail(error.sentence)
    return None


def _bring_to(ctx: Context, asked: Want, giving_up: bool = True) -> list[Address]:
    net = ctx.plan.network
    with transaction():
        rows = allocate.allocate(ctx.vm, asked, giving_up)
        bridge, vlan = (rows[0].bridge, rows[0].vlan) if rows else (net.bridge, net.vlan)
        if (bridge, vlan) != (ctx.vm.bridge, ctx.vm.vlan):
            ctx.save(bridge=bridge, vlan=vlan)
    return rows


def held(vm: Vm) -> list[str]:
    """The VM's addresses as text, the main one first."""
    return [str(row.address) for row in allocate.addresses_of_vm(vm)]


def entitled(ctx: Context) -> list[Address]:
    """Those of the VM's addresses that the plan lets it keep."""
    return allocate.fitting(allocate.addresses_of_vm(ctx.vm), want(ctx.plan))


def name_it(ctx: Context) -> None:
    """Give a new VM its name and domain; once it has them they stay."""
    vm = ctx.vm
    if not vm.name:
        ctx.save(name=_unused_name(ctx), domain=ctx.plan.main_domain)


def _unused_name(ctx: Context) -> str:
    vm = ctx.vm
    made = naming.vm_name(ctx.plan.name_rule, client_id=vm.service.client_id, service_id=vm.service_id)
    taken = Vm.select().where(Vm.server == vm.server_id, Vm.name == made, Vm.id != vm.id).exists()
    return f"{made[:50]}-{vm.service_id}" if taken else made


def fqdn(vm: Vm) -> str:
    """The VM's full name, or its bare name without a main domain."""
    return f"{vm.name}.{vm.domain}" if vm.domain else vm.name
