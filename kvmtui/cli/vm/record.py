"""`kvmtui vm record`: show or edit the raw row of a VM."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import records
from engine.audit import current_actor
from engine.errors import Refused
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command()
def record(
    ref: VmRef,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Set a field.")
    ] = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Reason, kept in the audit log; required with --set.")
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Show or edit the raw record of a VM. A last resort.

    \b
    kvmtui vm record 5546
    kvmtui vm record 5546 --set node=pve2 --reason "moved by hand during maintenance"
    """
    pairs = dict(_pair(one) for one in changes or ())
    if not pairs:
        with open_site.opened():
            view = records.view(names.service_of(ref))
        if as_json:
            output.show_json(view)
        else:
            output.show_facts({**view.editable, **{f"({name})": value for name, value in view.fixed.items()}})
        return 0
    with open_site.changing():
        output.message(records.WARNING)
        done = records.edit(current_actor("cli"), names.service_of(ref), pairs, reason)
        return finish(done, None, as_json)


def _pair(text: str) -> tuple[str, str]:

    name, sign, value = text.partition("=")
    if not sign:
        raise Refused(f"--set takes FIELD=VALUE, not '{text}'.")
    return name.strip(), value
