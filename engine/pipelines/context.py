"""What a step may use: its VM, the plan, Proxmox bound to this VM, and a place to put what it found out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.proxmox.faults import Kind
from engine.proxmox.guest import Guest
from engine.store.database import in_transaction
from engine.store.models import Call, Run, Vm
from engine.work import claims, limits, record
from engine.work.model import Again, Done, Fail, Outcome, Skip, Wait

if TYPE_CHECKING:
    from engine.plan import Plan
    from engine.proxmox.cluster import Cluster
    from engine.proxmox.mark import Mark
    from engine.work.claims import Claim
    from engine.work.journal import Journal
    from engine.work.ports import Ports

LOCK_S = 4.0  # how long a locked guest is left alone, up to twice that


@dataclass
class Context:
    """One look at one step. Changes collected here are committed together with the step's end."""

    claim: Claim
    vm: Vm
    run: Run
    plan: Plan
    cluster: Cluster
    mark: Mark
    journal: Journal
    ports: Ports
    args: dict[str, Any]
    kept: dict[str, Any] = field(default_factory=dict)  # of this walk only; a crash may lose it
    failed: str = ""  # why the task this step had started ended badly, if it did
    failed_kind: Kind | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    flow: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    at_end: list[Callable[[], None]] = field(default_factory=list)

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
        return self.kept["guest"]

    def act(self, call: Callable[[], str | None]) -> Outcome:
        """Make the one changing call of this look: park on its task, or look again when it has none.

        If the task of the look before ended badly, that is the step's failure, and nothing is sent. A guest that
        somebody holds a lock on is not asked for anything: the VM is parked until the lock is gone.
        """
        if self.failed and self.failed_kind is not Kind.BUSY:
            return Fail(self.failed)
        if self.failed or (lock := self._lock()):
            return Wait("lock", self.failed or lock, seconds=LOCK_S + random.random() * LOCK_S)
        upid = call()
        if upid is None:
            return Again()
        return Wait("task", f"{self.journal.step_label} runs on {upid.split(':')[1]}", upid=upid)

    def _lock(self) -> str:
        """The lock on the guest as a sentence; it is read with the config that proves whose the guest is."""
        if not self.vm.node:
            return ""
        lock = self.guest.recent_config().lock
        return f"VM {self.vm.vmid} is locked ({lock}). Will retry." if lock else ""

    @property
    def acted(self) -> bool:
        """Whether this step is known to have changed something in this run, in this look or in one before."""
        if self.journal.sent:
            return True
        went_well = Call.outcome.in_(("", "OK")) | Call.outcome.startswith("WARNINGS")
        mine = (Call.vm == self.vm.id) & (Call.run == self.run.id) & (Call.step == self.journal.step)
        return bool(Call.select().where(mine, Call.state == "ended", went_well).exists())

    def reached(self, notes: tuple[str, ...] = (), why: str = "no change") -> Outcome:
        """The good end of a step: Done when it changed something, Skip with the reason when it had not to."""
        return Done(notes) if self.acted else Skip(why, notes)

    def set(self, **changes: Any) -> None:
        """Change columns of the VM when the step's end is committed."""
        self.changes.update(changes)
        for name, value in changes.items():
            setattr(self.vm, name, value)

    def save(self, **changes: Any) -> None:
        """Commit columns of the VM now, because a call that is about to be sent depends on them."""
        in_transaction(lambda: claims.write(self.claim, **changes))
        for name, value in changes.items():
            setattr(self.vm, name, value)

    def remember(self, **flow: Any) -> None:
        """Keep something until the pipeline ends; it is there again after a crash once the look is committed."""
        self.flow.update(flow)

    def journal_shows(self, path_end: str) -> bool:
        """Whether this step sent such a call before, in this or an earlier look."""
        sent = Call.select().where(
            Call.vm == self.vm.id, Call.step == self.journal.step, Call.path.endswith(path_end)
        )
        return bool(sent.exists())

    def journal_shows_clone(self, number: int) -> bool:
        """Whether a clone to this number was ever sent for this VM."""
        sent = Call.select().where(Call.vm == self.vm.id, Call.vmid == number, Call.path.endswith("/clone"))
        return bool(sent.exists())

    def note(self, text: str) -> None:
        """Add a line below the step's own line."""
        self.notes.append(text)

    def say(self, text: str, level: str = "info") -> None:
        """Say a line at once, while the step still goes on."""
        in_transaction(lambda: record.say_note(self.vm, self.run, text, level))

    def on_commit_with_end(self, work: Callable[[], None]) -> None:
        """Run `work` inside the transaction that commits this step's good end."""
        self.at_end.append(work)

    def turn(self, key: str, limit: int, why: str) -> Wait | None:
        """None when this VM may go on, else the wait for its turn. The place is held until the step ends."""
        if limit <= 0 or limits.take(self.claim, self.vm, key, limit):
            return None
        return Wait("turn", why, key=key)
