"""What a pipeline is made of: a table of steps, and the four ways a step can end.

A step is a short plain function `step(ctx) -> Outcome`. It observes, acts only if needed, and verifies in the
next attempt: after a call it returns `ctx.act(…)`, and the runner calls it again to see the result.
It never sleeps, never waits on a task, never writes vm_status.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

WaitOn = Literal["task", "lock", "time", "server", "turn"]


@dataclass(frozen=True, slots=True)
class Done:
    """What the step is for is true now."""

    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skip:
    """There was nothing to do; the reason is shown: `skip (no change)`."""

    why: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Again:
    """Something was changed without a task: look again at once."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Park the VM: on a task of Proxmox, a lock, a moment, a server that is away, or its turn."""

    on: WaitOn
    why: str
    upid: str = ""
    node: str = ""
    seconds: float = 0.0  # look again after this long at the latest; 0: the runner's own measure
    key: str = ""  # for a turn: the scarce thing
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fail:
    """The step could not be done; it is tried again at the next tick."""

    error: str
    notes: tuple[str, ...] = ()
    final: bool = False  # no retry by itself: the pipeline's failure status is set and an operator must act


Outcome = Done | Skip | Again | Wait | Fail
StepFunction = Callable[[Any], Outcome]  # called with the context that the site's ContextFactory builds
WhileTaskRuns = Callable[[Any, Wait], Wait]


@dataclass(frozen=True, slots=True)
class PipelineStep:
    """One row of a pipeline's table. `status` is what vm_status becomes; None leaves it as it is."""

    status: str | None
    label: str
    run: StepFunction
    needs_guest: bool = True  # False for steps that do not speak with Proxmox
    while_running: WhileTaskRuns | None = None  # what to say and how long to park while its task still runs


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named table of steps. `start` is the vm_status from which it begins."""

    name: str
    start: str
    steps: tuple[PipelineStep, ...]
    failed_status: str = ""  # where a final failure leads
    by_status: bool = True  # False: progress is kept in the VM's flow, not in vm_status
    retry: bool = True  # False: a failure ends it; an operator asks again
    advice: str = ""  # what an operator may do after a failure, said behind its reason

    def position(self, status: str, reached: int) -> int:
        """The index of the next step for a VM with this vm_status and this many steps of the flow behind it."""
        if not self.by_status:
            return reached
        for index, step in enumerate(self.steps):
            if step.status == status:
                return index + 1
        return 0
