"""`kvmtui service list|show`."""

from __future__ import annotations

import typer

from engine.queries.inventory import services
from engine.queries.quota import quota_of, quota_words
from engine.queries.refs import service_ref
from engine.queries.service_detail import service_document
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command("list")
def list_services(as_json: AsJson = False) -> None:
    """List the services.

    \b
    kvmtui service list
    """
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
    with open_site.opened():
        facts = service_document(service_ref(ref).service_id)
        quota = quota_of(facts["id"])
    if as_json:
        output.show_json(facts)
        return
    if suspended := facts["suspended"]:
        facts["suspended"] = [f"since {suspended['since']} by {suspended['who']}", suspended["reason"]]
    facts["options"] = [f"{name}: {value}" for name, value in facts["options"].items()]
    facts["pending"] = [f"{each['field']}: {each['old']} -> {each['new']}" for each in facts["pending"]]
    facts["traffic_quota"] = quota_words(quota)
    output.show_facts(facts)
