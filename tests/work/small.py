"""A kernel without a cluster: pipelines of a few plain steps, and engines that walk them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.store.database import in_transaction
from engine.store.models import Request, Vm
from engine.work import requests
from engine.work.catalog import Catalog
from engine.work.context import TaskContext
from engine.work.engine import Engine
from engine.work.item import WorkItem
from engine.work.model import Done, Fail, Pipeline, PipelineStep, StepFunction
from engine.work.servers import Servers
from engine.work.walk import Walker


def done(ctx: TaskContext) -> Done:
    """A step that has nothing to do."""
    return Done()


def broken(ctx: TaskContext) -> Fail:
    """A step that fails."""
    return Fail("it does not work")


def command(name: str, *steps: StepFunction) -> Pipeline:
    """A pipeline that is requested once and not retried."""
    rows = tuple(PipelineStep(None, f"{name} {n}", run, needs_guest=False) for n, run in enumerate(steps, 1))
    return Pipeline(name, start="", steps=rows, by_status=False, retry=False)


def retried(name: str, start: str, *steps: StepFunction) -> Pipeline:
    """A pipeline by status whose failed step is retried."""
    statuses = [*(f"{start}_{n}" for n in range(1, len(steps))), "ready"]
    rows = tuple(
        PipelineStep(status, status, run, needs_guest=False)
        for status, run in zip(statuses, steps, strict=True)
    )
    return Pipeline(name, start=start, steps=rows)


def context(item: WorkItem, **given: Any) -> TaskContext:
    """What a step of these pipelines gets."""
    return TaskContext(item=item, server=None, cluster=None, **given)  # type: ignore[arg-type]


def walker(*pipelines: Pipeline, retry_ms: int = 50) -> Walker:
    """A walker for these pipelines."""
    return Walker(Catalog(pipelines), Servers(), context, retry_ms=lambda: retry_ms)


@contextmanager
def engine(*pipelines: Pipeline, size: int = 4, **options: Any) -> Iterator[Engine]:
    """A running engine for these pipelines."""
    running = Engine(walker(*pipelines, **options), "daemon", "test", size)
    running.start()
    try:
        yield running
    finally:
        assert running.stop(10)


def ask(vm: Vm, pipeline: str) -> int:
    """Promise a pipeline to a VM, as an action does."""

    def work() -> int:
        from engine.work import wake

        fresh = requests.lock(vm.id)
        wake.notify()
        return requests.add(fresh, pipeline)

    return in_transaction(work)


def states(*numbers: int) -> list[str]:
    """How these requests stand."""
    return [Request.get_by_id(number).state for number in numbers]
