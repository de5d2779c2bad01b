"""What a success rests on: a change of a running guest may wait for its next start, and then the log says so."""

from __future__ import annotations

from dataclasses import replace

from engine.pipelines.context import Context
from engine.work.model import Done, Outcome, Skip, StepFunction


def report_pending(run: StepFunction) -> StepFunction:
    """The step, with a line for every change of its VM that takes effect only at the next start."""

    def look(ctx: Context) -> Outcome:
        outcome = run(ctx)
        if not isinstance(outcome, Done | Skip):
            return outcome
        return replace(outcome, notes=(*outcome.notes, *lines(ctx)))

    return look


def lines(ctx: Context) -> tuple[str, ...]:
    """A line for each change that waits for the next start; one request."""
    return tuple(f"pending: {change.line}" for change in ctx.guest.pending())
