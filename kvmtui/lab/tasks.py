"""Worker tasks: what a UPID stands for, how it ends, and what can go wrong with it on purpose."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fakepve.model import PveError, TaskError

if TYPE_CHECKING:
    from kvmtui.lab.faults import InjectedFault
    from kvmtui.lab.world import LabCluster

# Proxmox's own index rotates at about this many tasks per node; what is older is no longer found.
KEPT_PER_NODE = 1000
# `qm cleanup` of a guest started right after its shutdown can hold the config's lock file this long.
CLEANUP_SECONDS = 30.0
# A task that ended stays in the list of active tasks this long (virtual seconds).
ACTIVE_SECONDS = 0.5
# Workers with a signal handler of their own say so in their own words.
CATCH_SIGNALS = frozenset({"qmclone", "qmmove", "qmigrate", "qmcreate", "qmrestore", "vzdump"})
Body = Callable[..., Awaitable[Any]]


@dataclass(slots=True, eq=False)
class LabTask:
    """One worker: its identity, its log and how it ended (exitstatus is None while it runs)."""

    upid: str
    node: str
    pid: int
    pstart: int
    starttime: float
    type: str
    id: str
    user: str
    vmids: tuple[int, ...] = ()
    exitstatus: str | None = None
    endtime: float | None = None
    log: list[str] = field(default_factory=list)
    warnings: int = 0
    vanished: bool = False
    worker: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.exitstatus is None

    def say(self, line: str) -> None:
        """Add a line to the log."""
        self.log.append(line)

    def warn(self, line: str) -> None:
        """Add a warning to the log; the task then ends with WARNINGS, which is success."""
        self.warnings += 1
        self.log.append(f"WARN: {line}")

    def end(self, status: str, now: float) -> None:
        """Close the task with its last log line."""
        self.exitstatus, self.endtime = status, now
        if status == "OK" or status.startswith("WARNINGS: "):
            self.log.append(f"TASK {status}")
        elif status != "unexpected status":
            self.log.append(f"TASK ERROR: {status}")


class Tasks:
    """Every task the cluster still remembers, running or finished."""

    def __init__(self, world: LabCluster) -> None:
        self._world = world
        self.last_pid = 1000
        self.by_upid: dict[str, LabTask] = {}
        self._finished: dict[str, deque[LabTask]] = {}

    def running(self, node: str | None = None) -> list[LabTask]:
        """The tasks still at work, on one node or on all."""
        return [t for t in self.by_upid.values() if t.running and node in (None, t.node)]

    def of(self, node: str) -> list[LabTask]:
        """The tasks of a node, newest first."""
        found = [t for t in self.by_upid.values() if t.node == node and not t.vanished]
        return sorted(found, key=lambda t: (-t.starttime, -t.pid))

    def saved(self, task: LabTask) -> bool:
        """Whether a task that ended has moved from the list of active ones to the archive."""
        if task.endtime is None:
            return False
        return self._world.clock.instant or self._world.clock.now() - task.endtime >= ACTIVE_SECONDS

    def new(self, node: str, kind: str, ident: object, user: str, vmids: Iterable[int] = ()) -> LabTask:
        """Register a task that is about to start."""
        self.last_pid += 1
        now = self._world.clock.now()
        pstart = self.last_pid * 7
        upid = f"UPID:{node}:{self.last_pid:08X}:{pstart:08X}:{int(now):08X}:{kind}:{ident}:{user}:"
        task = LabTask(upid, node, self.last_pid, pstart, now, kind, str(ident), user, tuple(vmids))
        self.by_upid[upid] = task
        return task

    async def start(
        self, node: str, kind: str, ident: object, user: str, body: Body, *, vmids: Iterable[int] = ()
    ) -> str:
        """Start a worker for the body and give its UPID; the body gets the Task when it takes an argument."""
        task = self.new(node, kind, ident, user, vmids)
        fault = self._world.faults.for_task(task)
        task.worker = asyncio.get_running_loop().create_task(self._run(task, body, fault))
        if self._world.clock.instant:
            await asyncio.wait({task.worker}, timeout=0.05)
        return task.upid

    def kill(self, task: LabTask) -> None:
        """End a worker as kill -9 does: whatever it had written stays."""
        if task.worker is not None and task.running:
            task.worker.cancel()

    def interrupt(self, task: LabTask) -> None:
        """End a worker with SIGTERM: it fails with `received interrupt` and undoes what it undoes on errors."""
        if task.worker is not None and task.running:
            caught = task.type in CATCH_SIGNALS
            self._world.clock.interrupt(
                task.worker, "interrupted by signal" if caught else "received interrupt"
            )

    async def _run(self, task: LabTask, body: Body, fault: InjectedFault | None) -> None:
        try:
            status = await self._work(task, body, fault)
        except asyncio.CancelledError:
            status = "unexpected status"
            try:
                self._world.clock.raise_if_interrupted()
            except TaskError as problem:
                status = str(problem)
        except (TaskError, PveError) as problem:
            status = " ".join(_text_of(problem).split())
        self._close(task, status, fault)

    async def _work(self, task: LabTask, body: Body, fault: InjectedFault | None) -> str:
        kind = fault.kind if fault else ""
        if fault and kind == "task-error" and not fault.after:
            await self._world.clock.sleep(fault.seconds)
            raise TaskError(fault.text or "unexpected error")
        if fault and kind == "task-killed":
            self._world.background(self._kill_later(task, fault.seconds))
        note = await (body(task) if inspect.signature(body).parameters else body())
        if isinstance(note, str) and note:
            task.log.extend(note.splitlines())
        if fault and kind == "task-error":
            raise TaskError(fault.text or "unexpected error")
        if fault and kind == "task-warnings":
            task.warnings += fault.warnings
        return f"WARNINGS: {task.warnings}" if task.warnings else "OK"

    async def _kill_later(self, task: LabTask, seconds: float) -> None:
        await self._world.clock.sleep(seconds)
        self.kill(task)

    def _close(self, task: LabTask, status: str, fault: InjectedFault | None) -> None:
        now = self._world.clock.now()
        task.end(status, now)
        task.worker = None
        if fault and fault.kind == "task-vanishes":
            task.vanished = True
        if fault and fault.kind == "cleanup-lock" and task.vmids:
            seconds = fault.seconds or CLEANUP_SECONDS
            self._world.background(self._world.hold_config_lock(task.vmids[-1], seconds))
        done = self._finished.setdefault(task.node, deque())
        done.append(task)
        while len(done) > KEPT_PER_NODE:
            self.by_upid.pop(done.popleft().upid, None)


def _text_of(problem: TaskError | PveError) -> str:
    """An error as the last line of a task log has it: with its code unless that is 500, and the fields it names."""
    text = str(getattr(problem, "message", problem))
    if not isinstance(problem, PveError) or problem.status == 500:
        return text
    fields = "".join(f" {name}: {why}" for name, why in sorted((problem.errors or {}).items()))
    return f"{problem.status} {text}{fields}"
