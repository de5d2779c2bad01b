"""`kvmtui vm show`."""

from __future__ import annotations

import typer

from kvmtui.terminal.names import VmRef
from kvmtui.terminal.output import AsJson

app = typer.Typer()


@app.command()
def show(ref: VmRef, as_json: AsJson = False) -> None:
    """Show a machine as we know it.

    \b
    kvmtui vm show 5546
    kvmtui vm show vmid:2002 --json
    """
    from engine.queries.refs import vm_ref
    from engine.queries.vms import vms
    from kvmtui.terminal import output, site

    with site.opened():
        view = vms([vm_ref(ref).vm_id or 0])[0]
    if as_json:
        output.show_json(view)
        return
    facts = output.plain(view)
    del facts["id"]  # the row's own number means nothing to people
    facts["ips"] = [f"{ip.address}/{ip.prefix} gateway {ip.gateway} {ip.rdns}".rstrip() for ip in view.ips]
    run = view.last_run
    facts["last_run"] = f"{run.id} {run.action} {run.result} {run.error}".rstrip() if run else ""
    output.show_facts(facts)
