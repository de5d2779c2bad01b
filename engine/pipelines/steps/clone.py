"""Clone VM: from the template, on the template's node, with our mark in the call itself."""

from __future__ import annotations

from engine.pipelines.context import LOCK_S, Context
from engine.pipelines.steps import facts, placement, vmids
from engine.pipelines.steps.target import system_storage
from engine.proxmox.faults import FaultKind, NotOurs, ProxmoxError, task_ending
from engine.proxmox.guest_values import GuestConfig, GuestLocation
from engine.store.models import Call
from engine.work.model import Fail, Outcome, Wait

_TAKEN = ("id_taken", "config_exists", "exists")


def clone_vm(ctx: Context) -> Outcome:
    """Have a guest that is ours under the VM's number; clone it when it is not there."""
    source = facts.template(ctx.cluster, _wanted(ctx))
    if source is None:
        return Fail(_no_template(ctx))
    try:
        number = vmids.claim(ctx)
    except vmids.NoVmid:
        return Fail(
            f"no free VMID was found from {ctx.plan.first_vmid} on; set another first VMID in the product"
        )
    if ctx.failed_kind is FaultKind.BUSY and not ctx.vm.node and (wait := ctx.after_failure()):
        return wait  # what it left is looked for after the wait, before anything is sent
    if (found := _find_clone(ctx, number, source)) is not None:
        return found
    if ctx.failed:
        return _after_failure(ctx, number)
    if missing := placement.missing_storage(ctx, source.node):
        return Fail(missing)
    return _start(ctx, source, number)


def missing_parts(ctx: Context) -> str:
    """The template or storage a clone would miss now, as a sentence; empty when it has both."""
    source = facts.template(ctx.cluster, _wanted(ctx))
    return _no_template(ctx) if source is None else placement.missing_storage(ctx, source.node)


def _no_template(ctx: Context) -> str:
    return (
        f"template {_wanted(ctx)} is not on server {ctx.vm.server.name}, or the login lacks VM.Audit on it; "
        f"create it, name another in the product, or see `kvmtui doctor {ctx.vm.server.name}`"
    )


def _wanted(ctx: Context) -> int | str:
    return ctx.args.get("template") or ctx.vm.template or ctx.plan.template


def _find_clone(ctx: Context, number: int, source: GuestLocation) -> Outcome | None:
    """What already exists under the number: our finished VM, our unfinished clone, a foreign guest, or nothing."""
    sent = ctx.last_clone(number)
    if not ctx.vm.node and sent is None:
        return None  # the number was confirmed free a moment ago, and we have sent nothing for it
    if not ctx.vm.node and sent is not None and _failed(sent) and ctx.cluster.next_id_free(number):
        return None
    found = _find(ctx, number, ctx.vm.node or source.node)
    if found is None:
        return None
    config = found.config
    in_the_making = config.lock in ("clone", "create")
    if in_the_making and (
        config.mark == ctx.mark or not config.description
    ):  # the mark comes with the first disk
        return _half_made(ctx, number, source, config)
    if config.mark != ctx.mark:
        return _somebody_elses(ctx, number, config)
    return _finished(ctx, found)


def _failed(sent: Call) -> bool:
    """Whether the task of a clone ended badly, after which Proxmox deletes what it had begun."""
    return sent.state == "ended" and bool(sent.upid) and not task_ending(sent.outcome).ok


def _find(ctx: Context, number: int, likely: str) -> GuestLocation | None:
    """The guest under a number: one question where it should be, then everywhere."""
    try:
        return GuestLocation(number, likely, ctx.cluster.guest_config(likely, number))
    except ProxmoxError as error:
        if error.kind is not FaultKind.GONE:
            raise
    return ctx.cluster.find_guest(number)


def _finished(ctx: Context, found: GuestLocation) -> Outcome:
    config = found.config
    net = config.nets.get("net0")
    ctx.set(
        node=found.node,
        smbios_uuid=config.smbios_uuid or "",
        mac=ctx.vm.mac or (net.mac if net and net.mac else ""),
    )
    ctx.guest.seen_at(found)
    return ctx.reached((f"VM {found.vmid} on {found.node}",), why="it is there already")


def _half_made(ctx: Context, number: int, source: GuestLocation, config: GuestConfig) -> Outcome:
    """A guest still locked by its clone: wait while one runs, else only an operator can clear it."""
    tasks = ctx.cluster.active_tasks(source.node)
    if ctx.failed_kind in (None, FaultKind.AMBIGUOUS) and any(
        task.type == "qmclone" and task.running for task in tasks
    ):
        return Wait(
            "lock", f"VM {number} is locked ({config.lock}) by a clone that still runs", seconds=LOCK_S
        )
    whose = (
        ""
        if config.mark
        else f" It carries no mark yet: make sure that nobody else created it ('{config.name}')."
    )
    return Fail(
        f"{ctx.failed or 'The clone was interrupted.'} VM {number} was left incomplete with the lock '{config.lock}', "
        f"which an API token cannot clear.{whose} On its node run `qm unlock {number}` and `qm destroy {number}`; "
        "then the deploy continues."
    )


def _somebody_elses(ctx: Context, number: int, config: GuestConfig) -> Outcome:
    """A foreign guest took the number between our look and our call: leave it, take the next."""
    if ctx.vm.node:
        raise NotOurs(
            f"The guest under VMID {number} is named '{config.name}' and does not carry the mark of this VM. "
            "It was not touched; find out who owns it."
        )
    vmids.lose(ctx, f"taken by a foreign guest named {config.name}")
    ctx.note(f"VMID {number} is now used by a foreign guest; using the next one")
    return Wait("time", f"VMID {number} was taken by somebody else; taking the next", seconds=0.05)


def _after_failure(ctx: Context, number: int) -> Outcome:
    """The clone's task failed and left nothing; a number used by a foreign guest is dropped."""
    said = ctx.failed
    if "File exists" in said or "already exists" in said:
        vmids.lose(ctx, "another guest of the cluster took this number")
        return Wait("time", f"VMID {number} was taken by somebody else; taking the next", seconds=0.05)
    return ctx.after_failure() or Fail(said)


def _start(ctx: Context, source: GuestLocation, number: int) -> Outcome:
    full = ctx.plan.clone == "full"
    storage = system_storage(source.config)
    limit = ctx.vm.server.clones_per_storage
    shared = _shared(ctx, source)
    key = (
        f"clone:{storage}" if shared else f"clone:{storage}@{source.node}"
    )  # a local one is another on each node
    why = f"{limit} clones from {storage} are running; waiting for a free slot"
    if wait := ctx.turn(key, limit, why):
        return wait
    if wait := ctx.turn(f"tasks:{source.node}", ctx.vm.server.tasks_per_node, f"node {source.node} is busy"):
        return wait
    if not full:
        _note_linked(ctx, source, storage, shared)
    target = placement.clone_storage(ctx, source.node) if full else None
    try:
        return ctx.act(
            lambda: ctx.cluster.clone(
                source.vmid,
                source.node,
                number,
                ctx.vm.name,
                full=full,
                mark=ctx.mark,
                storage=target,
                disk_format=placement.disk_format(ctx, source.node, target or storage) if full else None,
            )
        )
    except ProxmoxError as error:
        if error.reason in _TAKEN and error.kind is not FaultKind.AMBIGUOUS:
            vmids.lose(ctx, "another guest of the cluster took this number")
            return Wait("time", f"VMID {number} was taken by somebody else; taking the next", seconds=0.05)
        raise


def _note_linked(ctx: Context, source: GuestLocation, storage: str, shared: bool) -> None:
    wanted = ctx.plan.system_disk.storage
    if not shared:
        ctx.note(f"a linked clone on local storage {storage} stays on node {source.node}")
    if wanted and wanted != storage:
        ctx.note(f"a linked clone stays on {storage}, the storage of its template, not on {wanted}")


def _shared(ctx: Context, source: GuestLocation) -> bool:
    name = system_storage(source.config)
    return any(one.shared for one in facts.storages(ctx.cluster, source.node) if one.name == name)
