"""Take over: a guest that an operator inspected and named gets our mark, or stays unchanged."""

from __future__ import annotations

from engine.clock import now_ms
from engine.ipam import adopted_addresses
from engine.pipelines.context import Context
from engine.pipelines.steps import power
from engine.proxmox.adopting import adopt
from engine.proxmox.fault_table import FaultKind
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.mark import bears_mark
from engine.store.database import in_transaction
from engine.store.models import Service, VmidClaim
from engine.work.model import Fail, Outcome


def take_over(ctx: Context) -> Outcome:
    """Have our mark in the guest, written over exactly the config that was looked at."""
    try:
        config = ctx.guest.config()
    except ProxmoxError as error:
        if error.kind is FaultKind.GONE:
            return _give_up(ctx, "the guest is gone")
        raise
    if config.mark == ctx.mark:
        return _ours(ctx)
    if why := _other(ctx, config):
        return _give_up(ctx, why)
    return ctx.act(lambda: adopt(ctx.guest, str(ctx.args["digest"])))


def _ours(ctx: Context) -> Outcome:
    power.read_status(ctx)
    ctx.set(node=ctx.guest.node)
    status = "Suspended" if ctx.args.get("suspended") else "Active"
    ctx.on_commit_with_end(
        lambda: Service.update(status=status).where(Service.id == ctx.vm.service_id).execute()
    )
    return ctx.reached(
        (f"VM {ctx.vm.vmid} on {ctx.guest.node} carries our mark; nothing else in it was changed",)
    )


def _other(ctx: Context, config: GuestConfig) -> str:
    """Why this is not the guest that was looked at any more; empty when it is."""
    if bears_mark(config.description):
        return "it now carries somebody else's ownership mark"
    if config.digest != ctx.args.get("digest"):
        return "its config was changed after it was looked at; look at it again"
    return ""


def _give_up(ctx: Context, why: str) -> Outcome:
    """Leave the guest to whom it belongs: nothing here holds its number or its addresses any more."""
    vm = ctx.vm

    def work() -> None:
        adopted_addresses.give_back(vm, ctx.args.get("reserved") or {})
        VmidClaim.delete().where(VmidClaim.vm == vm.id).execute()
        Service.update(status="Cancelled", ended_at=now_ms()).where(Service.id == vm.service_id).execute()

    in_transaction(work)
    said = f"VM {vm.vmid} was not taken over and nothing in it was changed: {why}"
    ctx.set(vmid=None, node="", smbios_uuid="", mac="")
    return Fail(said, final=True)
