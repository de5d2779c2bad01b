"""`kvmtui server nodes`."""

from __future__ import annotations

import typer

from engine.queries.nodes import nodes_of
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import ServerName
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command()
def nodes(name: ServerName, as_json: AsJson = False) -> None:
    """Show the nodes of a server. For each: load, memory, and the number of our VMs.

    \b
    kvmtui server nodes pve-waw1
    """
    with open_site.opened():
        found = nodes_of(name)
    if as_json:
        output.show_json(found)
        return
    rows = [
        (
            *(each.name, "online" if each.online else "offline", str(each.cpus), f"{each.cpu_percent} %"),
            *(f"{each.memory_used_gib} of {each.memory_gib} GiB", str(each.vms)),
        )
        for each in found
    ]
    output.show_table(("Node", "State", "CPUs", "Load", "Memory", "Our VMs"), rows, f"{name} has no node.")
