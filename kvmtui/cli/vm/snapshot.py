"""`kvmtui vm snapshot list|create|delete|rollback`."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.terminal import names
from kvmtui.terminal.ask import Yes, confirm_name
from kvmtui.terminal.following import Wait
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.output import AsJson

app = typer.Typer(name="snapshot", help="The snapshots of a VM.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="SNAPSHOT", help="The snapshot's name.")]


@app.command("list")
def list_(ref: VmRef, as_json: AsJson = False) -> int:
    """Show the snapshots of a VM, oldest first.

    \b
    kvmtui vm snapshot list 5546
    """
    from engine.clock import iso
    from engine.queries.daytwo import snapshots
    from kvmtui.terminal import output, site

    with site.opened():
        found = snapshots(names.service_of(ref))
    if as_json:
        output.show_json(found)
        return 0
    rows = [(one.name, iso(one.created) or "", one.ours, one.note) for one in found]
    output.show_table(("Snapshot", "Taken", "Ours", "Note"), rows, empty="This VM has no snapshots.")
    return 0


@app.command()
def create(
    ref: VmRef,
    name: Annotated[str, typer.Argument(metavar="[SNAPSHOT]", help="A name; without it one is made.")] = "",
    note: Annotated[str, typer.Option(help="A note for people.")] = "",
    wait: Wait = None,
) -> int:
    """Take a snapshot, without the memory.

    \b
    kvmtui vm snapshot create 5546 before-upgrade --wait
    """
    from engine.actions import daytwo
    from engine.audit import current_actor
    from kvmtui.terminal import site
    from kvmtui.terminal.following import finish

    with site.changing():
        return finish(daytwo.create_snapshot(current_actor("cli"), names.service_of(ref), name, note), wait)


@app.command()
def delete(ref: VmRef, name: Name, wait: Wait = None) -> int:
    """Delete a snapshot.

    \b
    kvmtui vm snapshot delete 5546 before-upgrade
    """
    from engine.actions import daytwo
    from engine.audit import current_actor
    from kvmtui.terminal import site
    from kvmtui.terminal.following import finish

    with site.changing():
        return finish(daytwo.delete_snapshot(current_actor("cli"), names.service_of(ref), name), wait)


@app.command()
def rollback(ref: VmRef, name: Name, yes: Yes = False, wait: Wait = None) -> int:
    """Bring a VM back to a snapshot. What happened since is lost.

    \b
    kvmtui vm snapshot rollback 5546 before-upgrade --yes --wait
    """
    from engine.actions import daytwo
    from engine.audit import current_actor
    from kvmtui.terminal import site
    from kvmtui.terminal.following import finish

    with site.changing():
        service_id = names.service_of(ref)
        confirm_name(names.name_of(service_id), f"Everything since snapshot {name} is lost.", yes)
        return finish(daytwo.roll_back(current_actor("cli"), service_id, name), wait)
