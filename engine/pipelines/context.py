"""What a step may use: its VM, the plan, Proxmox bound to this VM, and a place to put what it found out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.plan import Plan, effective
from engine.proxmox.faults import FaultKind, ProxmoxError, task_ending
from engine.proxmox.guest import Guest
from engine.proxmox.mark import Mark
from engine.store.compiled import Compiled
from engine.store.models import Call, Product, Server, Service, Vm
from engine.work.context import TaskContext
from engine.work.item import WorkItem
from engine.work.model import Again, Done, Fail, Outcome, Skip, Wait
from engine.work.ports import Ports
from engine.work.servers import Servers

IGNORED = "shutdown_ignored"  # the guest had the time it was given and still runs
_PASSING = (FaultKind.TRANSIENT, FaultKind.AMBIGUOUS, FaultKind.GONE)
LOCK_S = 4.0  # how long a locked guest is left alone, up to twice that
TASK_TRIES = 3  # how often a task may fail for a passing reason before the step fails


@dataclass(kw_only=True)
class Context(TaskContext):
    """One look at one step of a VM's pipeline."""

    vm: Vm
    plan: Plan
    mark: Mark
    ports: Ports
    carried: bool = False  # whether a joint call of this run sent this step's values

    def set(self, **changes: Any) -> None:
        """Change columns of the VM when the step's end is committed."""
        super().set(**changes)
        self._show(changes)

    def save(self, **changes: Any) -> None:
        """Commit columns of the VM now, because a call that is about to be sent depends on them."""
        super().save(**changes)
        self._show(changes)

    def _show(self, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self.vm, name, value)

    @property
    def guest(self) -> Guest:
        """The guest of this VM; each changing call of it proves ownership first.

        It is kept between the steps of one walk, so that the look which verified one step opens the next.
        """
        vm = self.vm
        assert vm.vmid is not None, "a step without a VMID has no guest"
        wanted = (vm.vmid, vm.node, vm.smbios_uuid)
        if self.kept.get("key") != wanted:
            guest = Guest(self.cluster, vm.vmid, self.mark, vm.node or None, vm.smbios_uuid or None)
            self.kept.update(key=wanted, guest=guest)
        found: Guest = self.kept["guest"]
        found.on_move = self._moved
        return found

    def _moved(self, before: str, node: str) -> None:
        """The guest was looked for and found elsewhere: HA or an administrator has moved it."""
        self.note(f"the VM has moved from {before} to {node}")
        self.set(node=node)
        self.kept["key"] = (self.vm.vmid, node, self.vm.smbios_uuid)

    def act(self, call: Callable[[], str | None]) -> Outcome:
        """Make the one changing call of this look: park on its task, or look again when it has none.

        If the task of the previous check failed, nothing is sent and `after_failure` decides. Nothing is sent to a
        locked guest: the VM is parked until the lock is released.
        """
        if failure := self.after_failure():
            return failure
        if lock := self._lock():
            return _wait_for_lock(lock)
        try:
            upid = call()
        except ProxmoxError as error:
            if not error.guest_missing or not self.vm.node:
                raise
            self.guest.forget()  # moved between read and call: the next read finds it, or that it is gone
            return Wait("time", error.sentence, seconds=0.5)
        if upid is None:
            return Again()
        return Wait("task", f"{self.journal.step_label} runs on {upid.split(':')[1]}", upid=upid)

    def after_failure(self) -> Outcome | None:
        """What the failed task of the look before means for this one; None when none failed.

        A lock is waited for. A passing reason, a task nobody can account for and a guest that has moved are looked at
        again, and the call is repeated if that read shows no effect; the third time in a row is the step's failure.
        """
        if not self.failed:
            return None
        if self.failed_kind is FaultKind.BUSY:
            return _wait_for_lock(self.failed)
        tries = int(self.flow.get("transient", 0)) + 1
        if self.failed_kind not in _PASSING or self.failed_reason == IGNORED or tries >= TASK_TRIES:
            return Fail(self.failed)
        self.remember(transient=tries)
        return Wait("time", self.failed, seconds=1.0 * tries)

    @property
    def failed_reason(self) -> str:
        """The row of the fault table that the failed task of the look before fits; empty when none failed."""
        if not self.failed:
            return ""
        mine = (Call.vm == self.vm.id) & (Call.step == self.journal.step) & (Call.state == "ended")
        last = Call.select(Call.outcome).where(mine).order_by(Call.id.desc()).first()
        return task_ending(last.outcome).reason if last else ""

    def _lock(self) -> str:
        """The lock on the guest as a sentence; it is read with the config that proves whose the guest is."""
        if not self.vm.node:
            return ""
        lock = self.guest.recent_config().lock
        if lock == "suspended":  # to disk: no task holds it, and a start ends it
            return ""
        return f"VM {self.vm.vmid} is locked ({lock}). Will retry." if lock else ""

    @property
    def acted(self) -> bool:
        """Whether this step is known to have changed something in this run, in this look or in one before."""
        if self.journal.sent or self.carried:
            return True
        return _ACTED.first(self.vm.id, self.run.id, self.journal.step) is not None

    def reached(self, notes: tuple[str, ...] = (), why: str = "no change") -> Outcome:
        """The good end of a step: Done when it changed something, Skip with the reason when it had not to."""
        return Done(notes) if self.acted else Skip(why, notes)

    def journal_shows(self, path_end: str) -> bool:
        """Whether this step sent such a call before, in this or an earlier look."""
        sent = Call.select().where(
            Call.vm == self.vm.id, Call.step == self.journal.step, Call.path.endswith(path_end)
        )
        return bool(sent.exists())

    def last_clone(self, number: int) -> Call | None:
        """The newest clone to this number that was sent for this VM; None when there was none."""
        return _LAST_CLONE.first(self.vm.id, number)


@dataclass(slots=True)
class Contexts:
    """Builds the context of each check: what every step of this process shares."""

    servers: Servers
    ports: Ports
    instance: str

    def __call__(self, item: WorkItem, **given: Any) -> Context:
        """The context of one look at a step of this VM, with what its rows say now."""
        vm = _WHOLE.first(item.id)
        assert vm is not None, "a VM that is walked has its row"
        return Context(
            item=item,
            vm=vm,
            server=vm.server,
            plan=effective(vm.service.product.spec, vm.service.options),
            cluster=self.servers.cluster(vm.server),
            mark=Mark(self.instance, vm.uid),
            ports=self.ports,
            **given,
        )


_WHOLE: Compiled[Vm] = Compiled(
    lambda vm: (
        Vm.select(Vm, Service, Product, Server)
        .join(Service)
        .join(Product)
        .switch(Vm)
        .join(Server)
        .where(Vm.id == vm)
    ),
    1,
)
_ACTED: Compiled[Call] = Compiled(
    lambda vm, run, step: (
        Call.select(Call.id)
        .where(
            Call.vm == vm,
            Call.run == run,
            Call.step == step,
            Call.state == "ended",
            Call.outcome.in_(("", "OK")) | Call.outcome.startswith("WARNINGS"),
        )
        .limit(1)
    ),
    3,
)

_LAST_CLONE: Compiled[Call] = Compiled(
    lambda vm, number: (
        Call.select()
        .where(Call.vm == vm, Call.vmid == number, Call.path.endswith("/clone"))
        .order_by(Call.id.desc())
        .limit(1)
    ),
    2,
)


def _wait_for_lock(why: str) -> Wait:
    return Wait("lock", why, seconds=LOCK_S + random.random() * LOCK_S)
