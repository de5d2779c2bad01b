"""`kvmtui vm backup list|create|delete|schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import maintenance
from engine.audit import current_actor
from engine.clock import iso
from engine.queries.maintenance import backups
from engine.queries.maintenance import schedule as standing
from engine.queries.overdue_backups import overdue_backup_of
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, Reason, Wait

app = typer.Typer(name="backup", help="Manage backups of a VM.", no_args_is_help=True)


@app.command("list")
def list_(ref: VmRef, as_json: AsJson = False) -> int:
    """List the backups of a VM, newest first. Backups made by others are listed and never deleted.

    \b
    kvmtui vm backup list 5546
    """
    with open_site.opened():
        service_id = names.service_of(ref)
        found, overdue = backups(service_id), overdue_backup_of(service_id)
    if as_json:
        output.show_json(found)
        return 0
    rows = [
        (one.backup, iso(one.created) or "", f"{one.size / 2**30:.2f} GiB", one.ours, one.protected, one.note)
        for one in found
    ]
    heads = ("Backup", "Made", "Size", "Ours", "Protected", "Note")
    output.show_table(heads, rows, empty="This VM has no backups.")
    if overdue:
        output.message(f"Its scheduled backup is overdue since {iso(overdue.since)}: {overdue.reason}")
    return 0


@app.command()
def create(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Create a backup now. At the product's limit the oldest backup by kvmtui is deleted.

    \b
    kvmtui vm backup create 5546 --wait
    """
    with open_site.changing():
        return finish(
            maintenance.create_backup(current_actor("cli", reason), names.service_of(ref)), wait, as_json
        )


@app.command()
def delete(
    ref: VmRef,
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="Backup, as `list` names it.")],
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Delete a backup that kvmtui made.

    \b
    kvmtui vm backup delete 5546 backup:backup/vzdump-qemu-2002-….vma.zst
    """
    with open_site.changing():
        return finish(
            maintenance.delete_backup(current_actor("cli", reason), names.service_of(ref), backup),
            wait,
            as_json,
        )


@app.command()
def schedule(
    ref: VmRef,
    days: Annotated[
        str | None, typer.Option(help="Weekdays such as mon,thu; none switches the schedule off.")
    ] = None,
    at: Annotated[str, typer.Option(help="Time as HH:MM; default: a random time.")] = "",
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Show or set the backup schedule of a VM.

    \b
    kvmtui vm backup schedule 5546 --days mon,thu --at 03:30
    kvmtui vm backup schedule 5546 --days none
    """
    if days is None:
        with open_site.opened():
            found = standing(names.service_of(ref))
        if as_json:
            output.show_json(found)
        else:
            output.write(f"{', '.join(found.days)} at {found.at}" if found else "No schedule.")
        return 0
    wanted = [] if days.strip().lower() == "none" else days.split(",")
    with open_site.changing():
        done = maintenance.schedule(current_actor("cli", reason), names.service_of(ref), wanted, at)
        return finish(done, None, as_json)
