"""Configure DNS records: written, reported line by line, and never a reason to stop."""

from __future__ import annotations

from engine.pipelines.model import Done, Outcome
from engine.runner.context import Context


def configure_dns(ctx: Context) -> Outcome:
    """Make the VM's records right; what fails is kept as debt and shown."""
    report = ctx.ports.names.sync(ctx.vm)
    return Done(_lines(report.lines, report.errors))


def delete_dns(ctx: Context) -> Outcome:
    """Delete the records we wrote for this VM; what fails is kept as debt and shown."""
    report = ctx.ports.names.clear(ctx.vm)
    return Done(_lines(report.lines, report.errors))


def _lines(lines: tuple[str, ...], errors: int) -> tuple[str, ...]:
    if not errors:
        return lines
    owed = f"{errors} DNS record(s) are still owed; “Set DNS records” tries them again"
    return (*lines, owed)
