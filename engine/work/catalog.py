"""Which pipeline a VM is in. The statuses of SPEC are the keys; commands are pipelines of one step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.work.model import Pipeline

GONE = frozenset({"remove", "error_terminate"})  # no pipeline begins here by itself
AT_REST = GONE | {"ready"}


class Catalog:
    """Every pipeline, found by its name or by a vm_status."""

    def __init__(self, pipelines: Iterable[Pipeline]) -> None:
        self._by_name: dict[str, Pipeline] = {}
        self._by_status: dict[str, Pipeline] = {}
        for pipeline in pipelines:
            self._add(pipeline)

    def _add(self, pipeline: Pipeline) -> None:
        self._by_name[pipeline.name] = pipeline
        if not pipeline.start:
            return
        inside = [step.status for step in pipeline.steps[:-1] if step.status]
        for status in [pipeline.start, *inside]:
            if status not in AT_REST:
                self._by_status.setdefault(status, pipeline)

    def named(self, name: str) -> Pipeline:
        """The pipeline of that name."""
        return self._by_name[name]

    def of_status(self, status: str) -> Pipeline | None:
        """The pipeline a VM with this status is in; None when it is idle."""
        return self._by_status.get(status)

    def statuses(self) -> tuple[str, ...]:
        """Every vm_status there is, in the order of the pipelines."""
        return (*self._by_status, *sorted(AT_REST))
