"""Configure DNS records: written, reported line by line, and never a reason to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.pipelines.context import Context
from engine.store.models import Vm
from engine.work.model import Done, Outcome
from engine.work.ports import DnsReport

log = logging.getLogger(__name__)


def configure_dns(ctx: Context) -> Outcome:
    """Make the VM's records right; what fails is kept as debt and shown."""
    return Done(sync(ctx))


def delete_dns(ctx: Context) -> Outcome:
    """Delete the records we wrote for this VM; what fails is kept as debt and shown."""
    return Done(_lines(ctx.ports.names.clear, ctx.vm))


def sync(ctx: Context) -> tuple[str, ...]:
    """Make the VM's records right; the lines for the log, one per record."""
    return _lines(ctx.ports.names.sync, ctx.vm)


def _lines(work: Callable[[Vm], DnsReport], vm: Vm) -> tuple[str, ...]:
    try:
        report = work(vm)
    except Exception as error:  # even a fault of our own in DNS does not hold a VM up
        log.exception("The DNS records of service %s could not be worked on", vm.service_id)
        return (f"DNS ERR a fault of kvmtui itself ({type(error).__name__}); see its log file",)
    if not report.errors:
        return report.lines
    owed = f"{report.errors} DNS record(s) are still owed; “Set DNS records” tries them again"
    return (*report.lines, owed)
