"""`kvmtui zone list|show`."""

from __future__ import annotations

import typer

from engine.actions.repository import flat
from engine.queries.inventory import zones
from engine.queries.refs import zone_ref
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import ZoneRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command("list")
def list_zones(as_json: AsJson = False) -> None:
    """List the zones.

    \b
    kvmtui zone list
    """
    with open_site.opened():
        found = zones()
    if as_json:
        output.show_json(found)
        return
    rows = (
        (z.id, z.zone, z.type, "reverse" if z.reverse else "forward", z.endpoint, z.ttl, z.last_error)
        for z in found
    )
    heads = ("ID", "Zone", "Type", "Direction", "At", "TTL", "Last error")
    output.show_table(heads, rows, "No zones yet. Add one with: kvmtui zone add")


@app.command()
def show(zone: ZoneRef, as_json: AsJson = False) -> None:
    """Show a zone without its secrets.

    \b
    kvmtui zone show example.com/powerdns --json
    """
    with open_site.opened():
        number = zone_ref(zone)
        view = next(each for each in zones() if each.id == number)
    if as_json:
        output.show_json(view)
    else:
        output.show_facts(flat(output.plain(view)))
