"""`kvmtui server list|show`."""

from __future__ import annotations

import typer

from engine.queries.inventory import server_values, servers
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import ServerName
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command("list")
def list_servers(as_json: AsJson = False) -> None:
    """List the servers.

    \b
    kvmtui server list
    """
    with open_site.opened():
        found = servers()
    if as_json:
        output.show_json(found)
        return
    heads = ("ID", "Name", "State", "Hosts", "Port", "Version", "Pools", "Products", "VMs", "Error")
    rows = (
        (s.id, s.name, s.state, s.hosts, s.port, s.version, s.pools, s.products, s.vms, s.last_error)
        for s in found
    )
    output.show_table(heads, rows, "There are no servers yet. Add one with: kvmtui server add")


@app.command()
def show(name: ServerName, as_json: AsJson = False) -> None:
    """Show a server, without its secrets.

    \b
    kvmtui server show pve-waw1 --json
    """
    with open_site.opened():
        server_values(name)
        view = next(each for each in servers() if each.name == name)
    if as_json:
        output.show_json(view)
        return
    facts = output.plain(view)
    facts["tls"] = [f"{key}: {value}" for key, value in view.tls.items()]
    facts["limits"] = [f"{key}: {value}" for key, value in view.limits.items()]
    output.show_facts(facts)
