"""`kvmtui vm dns|rdns`: the names of a VM."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import names as actions
from engine.actions import vms
from engine.audit import current_actor
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait

app = typer.Typer()


@app.command()
def dns(
    ref: VmRef,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Correct every DNS record of a VM.

    In the plan, + is created, ~ changed, - deleted, = correct already, ! foreign and left alone.

    \b
    kvmtui vm dns 5546 --dry-run
    kvmtui vm dns 5546 --wait
    """
    if not dry_run:
        with open_site.changing():
            return finish(vms.sync_dns(current_actor("cli", reason), names.service_of(ref)), wait, as_json)
    with open_site.opened():
        lines = actions.plan(names.service_of(ref))
    if as_json:
        output.show_json([{"sign": line[:1], "record": line[2:]} for line in lines])
        return 0
    for line in lines:
        output.write(output.safe(line))
    if not lines:
        output.message("No zone is set up for this VM's name or addresses; nothing would be written.")
    return 0


@app.command()
def rdns(
    ref: VmRef,
    address: Annotated[str, typer.Argument(help="One of the VM's addresses.")],
    name: Annotated[str, typer.Argument(help="Reverse name; '' for the VM's own name.")],
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Set the reverse name of an address. It is kept by later DNS updates.

    \b
    kvmtui vm rdns 5546 192.168.130.2 mail.example.com
    """
    with open_site.changing():
        return finish(
            actions.set_reverse(current_actor("cli", reason), names.service_of(ref), address, name),
            wait,
            as_json,
        )
