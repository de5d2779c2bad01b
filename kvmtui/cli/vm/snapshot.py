"""`kvmtui vm snapshot list|create|delete|rollback|schedule`."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import maintenance
from engine.audit import current_actor
from engine.clock import iso
from engine.errors import Refused
from engine.queries.maintenance import snapshot_schedule, snapshots
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes
from kvmtui.terminal.prompts import confirm_name
from kvmtui.terminal.request_preview import show_preview

app = typer.Typer(name="snapshot", help="Manage snapshots of a VM.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="Name of the snapshot.")]


@app.command("list")
def list_(ref: VmRef, as_json: AsJson = False) -> int:
    """List the snapshots of a VM, oldest first.

    \b
    kvmtui vm snapshot list 5546
    """
    with open_site.opened():
        service_id = names.service_of(ref)
        standing, found = snapshot_schedule(service_id), snapshots(service_id)
    if as_json:
        output.show_json(found)
        return 0
    rows = [(one.name, iso(one.created) or "", one.ours, one.note) for one in found]
    output.show_table(("Snapshot", "Taken", "Ours", "Note"), rows, empty="This VM has no snapshots.")
    if standing:
        output.message(f"One is taken on {', '.join(standing.days)} at {standing.at}.")
    return 0


@app.command()
def create(
    ref: VmRef,
    name: Annotated[str, typer.Argument(metavar="[SNAPSHOT]", help="Name; default: generated.")] = "",
    note: Annotated[str, typer.Option(help="Note.")] = "",
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Take a snapshot, without RAM.

    \b
    kvmtui vm snapshot create 5546 before-upgrade --wait
    """
    with open_site.changing():
        return finish(
            maintenance.create_snapshot(current_actor("cli", reason), names.service_of(ref), name, note),
            wait,
            as_json,
        )


@app.command()
def delete(ref: VmRef, name: Name, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Delete a snapshot.

    \b
    kvmtui vm snapshot delete 5546 before-upgrade
    """
    with open_site.changing():
        return finish(
            maintenance.delete_snapshot(current_actor("cli", reason), names.service_of(ref), name),
            wait,
            as_json,
        )


@app.command()
def rollback(
    ref: VmRef,
    name: Name,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Roll a VM back to a snapshot. Later changes are lost.

    \b
    kvmtui vm snapshot rollback 5546 before-upgrade --yes --wait
    """
    with open_site.opened() if dry_run else open_site.changing():
        service_id, actor = names.service_of(ref), current_actor("cli", reason)
        if dry_run:
            return show_preview(lambda: maintenance.roll_back(actor, service_id, name), as_json)
        confirm_name(names.name_of(service_id), f"Everything since snapshot {name} is lost.", yes)
        return finish(maintenance.roll_back(actor, service_id, name), wait, as_json)


@app.command()
def schedule(
    ref: VmRef,
    days: Annotated[str | None, typer.Option(help="Weekdays such as mon,thu.")] = None,
    at: Annotated[str, typer.Option(help="Time as HH:MM; default: a random time.")] = "",
    off: Annotated[bool, typer.Option("--off", help="Switch the schedule off.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Show or set the snapshot schedule of a VM. At the product's limit the oldest one by kvmtui is deleted.

    \b
    kvmtui vm snapshot schedule 5546 --days mon,thu --at 03:30
    kvmtui vm snapshot schedule 5546 --off
    """
    if off and (days is not None or at):
        raise Refused("--off cannot be combined with --days or --at. Nothing was changed.")
    if at and days is None:
        raise Refused("--at needs --days. Nothing was changed.")
    if days is None and not off:
        with open_site.opened():
            found = snapshot_schedule(names.service_of(ref))
        if as_json:
            output.show_json(found)
        else:
            output.write(f"{', '.join(found.days)} at {found.at}" if found else "No schedule.")
        return 0
    wanted = (days or "").split(",")
    with open_site.changing():
        done = maintenance.schedule_snapshots(current_actor("cli", reason), names.service_of(ref), wanted, at)
        return finish(done, None, as_json)
