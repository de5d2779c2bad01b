"""Configure DNS records: queued, reported line by line, and never a reason to stop."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.counting import counted
from engine.pipelines.context import Context
from engine.store.models import Vm
from engine.work.claims import LeaseLost
from engine.work.model import Done, Outcome
from engine.work.ports import DnsReport

log = logging.getLogger(__name__)


def configure_dns(ctx: Context) -> Outcome:
    """Make the VM's records right; what fails stays queued and is shown."""
    return Done(sync(ctx))


def delete_dns(ctx: Context) -> Outcome:
    """Delete the records we wrote for this VM; what fails stays queued and is shown."""
    return Done(_lines(ctx.ports.names.clear, ctx.vm))


def sync(ctx: Context) -> tuple[str, ...]:
    """Make the VM's records right; the lines for the log, one per record."""
    return _lines(ctx.ports.names.sync, ctx.vm)


def _lines(work: Callable[[Vm], DnsReport], vm: Vm) -> tuple[str, ...]:
    try:
        report = work(vm)
    except LeaseLost:
        raise
    except Exception as error:  # not even an error of ours in DNS stops a VM
        log.exception("Setting the DNS records of service %s failed", vm.service_id)
        return (f"DNS ERR internal error ({type(error).__name__}); see the log file",)
    if not report.errors:
        return report.lines
    pending = counted(report.errors, "DNS records are pending")
    return (*report.lines, f"{pending} and retried automatically; 'Set DNS records' retries now")
