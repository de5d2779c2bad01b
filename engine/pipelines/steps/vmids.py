"""VMIDs: claimed in our database under a unique constraint, confirmed with the cluster, never used again."""

from __future__ import annotations

from functools import partial
from itertools import count

from peewee import IntegrityError

from engine.clock import now_ms
from engine.pipelines.context import Context
from engine.pipelines.steps import facts
from engine.store.database import execute, in_transaction, transaction
from engine.store.models import Vm, VmidClaim
from engine.work import claims

HIGHEST = 999_999_999
_MOST_TRIES = 200


class NoVmid(Exception):
    """No free number was found in a reasonable number of tries."""


def claim(ctx: Context) -> int:
    """The VM's number: the one it has, or the lowest from the product's first on that nobody has."""
    if ctx.vm.vmid is not None and _is_claimed(ctx.vm):
        return ctx.vm.vmid
    taken: frozenset[int] = frozenset()
    for _ in range(_MOST_TRIES):
        number = in_transaction(partial(_next, ctx, taken))
        if ctx.cluster.next_id_free(number):
            return number
        lose(ctx, "another guest of the cluster has this number")
        taken = facts.numbers(ctx.cluster)  # pass by all that are known, instead of asking one by one
    raise NoVmid


def _is_claimed(vm: Vm) -> bool:
    """Whether the number the record shows is still the VM's: one that was given up is never used again."""
    return execute(_CLAIMED, vm.server_id, vm.vmid, vm.id).fetchone() is not None


_CLAIMED = "SELECT 1 FROM vmid_claim WHERE server_id = ? AND vmid = ? AND vm_id = ? AND state = 'claimed'"


def _next(ctx: Context, taken: frozenset[int]) -> int:
    server, number = ctx.vm.server_id, ctx.plan.first_vmid
    while True:
        number = _lowest_unclaimed(server, number)
        if number in taken:
            number = next(higher for higher in count(number) if higher not in taken)
            continue
        try:
            with transaction():
                VmidClaim.create(server=server, vmid=number, vm=ctx.vm.id)
            break
        except IntegrityError:  # another worker was faster
            number += 1
    claims.write(ctx.claim, vmid=number)
    ctx.vm.vmid = number
    return number


def _lowest_unclaimed(server: int, first: int) -> int:
    """The first number from `first` on without a claim: the end of the run of claims that starts there."""
    if execute(_TAKEN, server, first).fetchone() is None:
        return first
    return int(execute(_EDGE, server, first, server).fetchone()[0]) + 1


_TAKEN = "SELECT 1 FROM vmid_claim WHERE server_id = ? AND vmid = ?"
_EDGE = (
    "SELECT MIN(one.vmid) FROM vmid_claim AS one WHERE one.server_id = ? AND one.vmid >= ? AND NOT EXISTS "
    "(SELECT 1 FROM vmid_claim AS other WHERE other.server_id = ? AND other.vmid = one.vmid + 1)"
)


def lose(ctx: Context, why: str) -> None:
    """Drop a number that belongs to a foreign guest; it is not tried again."""
    in_transaction(lambda: _bury(ctx, why))
    ctx.vm.vmid = None


def _bury(ctx: Context, why: str) -> None:
    bury(ctx.vm, why)
    claims.write(ctx.claim, vmid=None)


def bury(vm: Vm, why: str) -> None:
    """Turn the claims of a VM into tombstones; call it inside a transaction."""
    VmidClaim.update(state="tombstone", vm=None, why=why, at=now_ms()).where(VmidClaim.vm == vm.id).execute()
