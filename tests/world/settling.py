"""The end of a world: everybody is well again, operators put right what waits for them, and it must come to rest."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.actions import pausing, vms
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import KvmtuiError
from engine.store.database import in_transaction, session
from engine.store.models import Destination, DnsRecord, Outbox, Request, Vm
from engine.work import wake
from engine.work.catalog import AT_REST
from engine.work.requests import OPEN

if TYPE_CHECKING:
    from tests.world.world import World

PATIENCE_S = 60.0
LONGEST_LEASE_MS = 20_000
STUCK_S = 3.0  # an error that is still there after so long waits for an operator
OPERATOR = Actor("closing")


def settle(world: World) -> None:
    """Calm everything down and wait for rest; what never rests is a finding."""
    calm(world)
    wait_for_rest(world)


def wait_for_rest(world: World) -> None:
    """Wait until nothing is on its way; what waits for an operator is put right by one."""
    end = time.monotonic() + PATIENCE_S
    since: dict[int, float] = {}
    helped: dict[int, int] = {}
    while left := _left():
        now = time.monotonic()
        if now > end:
            _give_up(world, left)
            return
        if set(left) == {0}:
            _make_due()
        since = {vm: since.get(vm, now) for vm in left}
        for vm, began in list(since.items()):
            if vm and now - began > STUCK_S * (1 + helped.get(vm, 0)) and _has_error(vm):
                helped[vm] = helped.get(vm, 0) + 1
                since[vm] = now
                _put_right(world, vm, helped[vm])
        time.sleep(0.25)
    world.note("idle")


def _left() -> dict[int, str]:
    try:
        return restless()
    except KvmtuiError as error:
        return {0: f"the database cannot be read: {error.sentence}"}


def _give_up(world: World, left: dict[int, str]) -> None:
    for engine in world.engines:
        engine.signal(engine.pid, signal.SIGUSR1)
    for vm, why in left.items():
        world.finding("rest", f"VM {vm} did not come to rest within {PATIENCE_S:.0f} s: {why}")


def calm(world: World) -> None:
    """No fault, no silence, no lock of a stranger, every engine at work."""
    for gate in world.gates.values():
        gate.silent = False
    world.lab.do("faults/clear")
    for node in ("pve1", "pve2", "pve3"):
        world.lab.do("nodes", node=node, online=True)
    world.lab.do("quorum", quorate=True)
    for vmid in world.hands.locked:
        world.hands.unlock(vmid)
    for engine in world.engines:
        engine.signal(engine.pid, signal.SIGCONT)
        engine.start()
    for server in ("pve-a", "pve-b"):
        pausing.resume(OPERATOR, server)
    world.note("calm")


def restless() -> dict[int, str]:
    """What is still on its way, by VM; 0 stands for what belongs to none."""
    left: dict[int, str] = {}
    with session():
        for vm in Vm.select():
            busy = (
                vm.due_at is not None
                or vm.lease_owner
                or vm.vm_status not in AT_REST
                or vm.flow.get("pipeline")
            )
            if busy:
                left[vm.id] = (
                    f"service {vm.service_id} at ({vm.vm_status}) {vm.flow.get('pipeline', '')} waits for "
                    f"{vm.wait_kind or 'nothing'} “{vm.wait_why}”, error “{vm.error}”, due {vm.due_at}, "
                    f"lease “{vm.lease_owner}”"
                )
        for one in Request.select().where(Request.state.in_(OPEN)):
            left.setdefault(
                one.vm,
                f"request {one.id} ({one.action} of service {one.service}) is {one.state}: {one.error}",
            )
        mails = Outbox.select().where(Outbox.state.in_(("pending", "sending"))).count()
        names = DnsRecord.select().where(DnsRecord.state.in_(("pending", "deleting"))).count()
        if mails or names:
            left[0] = f"{mails} mails and {names} DNS changes are not sent"
    return left


def _make_due() -> None:
    """What waits for a remote server waits for minutes, and after a step of the clock for the length of the step."""

    def work() -> None:
        Outbox.update(due_at=0).where(Outbox.state == "pending").execute()
        stale = Outbox.due_at > now_ms() + LONGEST_LEASE_MS  # given before the clock was set back
        Outbox.update(due_at=0).where(Outbox.state == "sending", stale).execute()
        DnsRecord.update(due_at=0).where(DnsRecord.state.in_(("pending", "deleting"))).execute()
        Destination.update(retry_at=0).execute()
        wake.notify("dns")

    with suppress(KvmtuiError):
        in_transaction(work)


def _has_error(vm_id: int) -> bool:
    with session():
        vm = Vm.get_or_none(Vm.id == vm_id)
        return vm is not None and (bool(vm.error) or vm.wait_kind == "lock")


def _put_right(world: World, vm_id: int, time_: int) -> None:
    """What an operator does about a VM that cannot continue by itself."""
    with session():
        vm = Vm.get_or_none(Vm.id == vm_id)
    if vm is None:
        return
    world.note(f"closing: service {vm.service_id} at ({vm.vm_status}) is stuck: {vm.error or vm.wait_why}")
    try:
        if time_ > 2:  # a stranger's guest has its number: it is not removed, only forgotten
            answer = vms.reset(OPERATOR, vm.service_id, "remove")
        elif time_ > 1 or vm.service.status == "Suspended" or vm.vm_status == "terminate":
            answer = vms.reset(OPERATOR, vm.service_id, "terminate")
        elif vm.vm_status == "ready":
            answer = vms.reset(OPERATOR, vm.service_id, "creation")
        else:
            answer = vms.redeploy(OPERATOR, vm.service_id)
        world.note(f"closing: {answer.sentence}")
    except KvmtuiError as error:
        world.note(f"closing: {error.sentence}")
