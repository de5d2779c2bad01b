"""`kvmtui cron`: the scheduled tasks for a system crontab, and their table."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.crontab import clear, listing, run_due
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer(help="Run the scheduled tasks that are due.")


@app.command()
def cron(
    task: Annotated[str, typer.Option("--task", metavar="NAME", help="Run only this task.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Run even if the interval has not passed.")] = False,
    show: Annotated[
        bool, typer.Option("--list", help="List the tasks with their last run, next run and lock.")
    ] = False,
    clear_locks: Annotated[
        bool, typer.Option("--clear-locks", help="Clear the locks of killed runs.")
    ] = False,
    budget: Annotated[
        int, typer.Option(min=1, max=86_400, help="Seconds after which waiting VMs are parked.")
    ] = 55,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Run every task that is due, then end.

    For a system crontab, once a minute. VMs that wait for Proxmox longer than the budget are parked; the next call,
    or a daemon, continues with them.

    \b
    * * * * *  kvmtui cron
    kvmtui cron --task processVirtualMachines --force
    kvmtui cron --list
    """
    if show:
        return listing(as_json)
    if clear_locks:
        return clear(reason, as_json)
    return run_due(task, force, budget, as_json)
