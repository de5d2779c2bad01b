"""Allocate IP: the VM's name and its addresses, taken in the same transaction as the step."""

from __future__ import annotations

from engine import naming
from engine.errors import KvmtuiError
from engine.ipam import allocate
from engine.ipam.allocate import Want
from engine.pipelines.model import Done, Fail, Outcome, Skip
from engine.plan import Plan
from engine.runner.context import Context
from engine.store.database import transaction
from engine.store.models import Vm


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
    before = {str(row.address) for row in allocate.addresses_of_vm(ctx.vm)}
    try:
        with transaction():
            rows = allocate.allocate(ctx.vm, want(ctx.plan))
            if rows:
                ctx.save(bridge=rows[0].bridge, vlan=rows[0].vlan)
            else:
                ctx.save(bridge=ctx.plan.network.bridge, vlan=ctx.plan.network.vlan)
    except KvmtuiError as error:
        return Fail(error.sentence)
    after = [str(row.address) for row in rows]
    if set(after) == before and before:
        return Skip("no change")
    return Done((f"addresses: {', '.join(after)}" if after else "no address is allocated (DHCP)",))


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
