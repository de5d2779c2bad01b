"""`kvmtui service list|show`."""

from __future__ import annotations

import typer

from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command("list")
def list_services(as_json: AsJson = False) -> None:
    """List the services.

    \b
    kvmtui service list
    """
    from engine.queries.inventory import services
    from kvmtui.terminal import open_site, output

    with open_site.opened():
        found = services()
    if as_json:
        output.show_json(found)
        return
    heads = ("ID", "Client", "Product", "Server", "Status", "VM", "VM status", "Pending")
    rows = (
        (s.id, s.client, s.product, s.server, s.status, s.vm, s.vm_status, [p.field for p in s.pending])
        for s in found
    )
    output.show_table(heads, rows, "There are no services yet. Create one with: kvmtui service create")


@app.command()
def show(ref: VmRef, as_json: AsJson = False) -> None:
    """Show a service, its overrides, and what is pending.

    \b
    kvmtui service show 5546
    """
    from engine.queries.inventory import services
    from engine.queries.notes import notes_of
    from engine.queries.refs import service_ref
    from engine.queries.suspension import suspension_of
    from kvmtui.terminal import open_site, output

    with open_site.opened():
        view = services(service_ref(ref).service_id)[0]
        suspension, notes = suspension_of(view.id), notes_of(view.id)
    facts = output.plain(view) | {"suspended": output.plain(suspension), "notes": notes}
    if as_json:
        output.show_json(facts)
        return
    if suspension:
        facts["suspended"] = [f"since {facts['suspended']['since']} by {suspension.who}", suspension.reason]
    facts["options"] = [f"{name}: {value}" for name, value in view.options.items()]
    facts["pending"] = [f"{each.field}: {each.old} -> {each.new}" for each in view.pending]
    output.show_facts(facts)
