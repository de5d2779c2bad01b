"""`kvmtui vm list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from engine.queries.vms import vms
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson

if TYPE_CHECKING:
    from engine.queries.vms import VmView

app = typer.Typer()


@app.command("list")
def list_vms(as_json: AsJson = False) -> None:
    """List the VMs.

    \b
    kvmtui vm list
    kvmtui vm list --json | jq '.[] | select(.vm_status != "ready") | .service_id'
    """
    with open_site.opened():
        found = vms()
    if as_json:
        output.show_json(found)
        return
    heads = ("ID", "Client", "Product", "Server", "VMID", "VM", "VM status", "Service", "Addresses")
    rows = (
        (v.service_id, v.client, v.product, v.server, v.vmid, v.name, v.vm_status, v.service_status, _ips(v))
        for v in found
    )
    output.show_table(heads, rows, "There are no VMs yet. Create one with: kvmtui service create")


def _ips(view: VmView) -> list[str]:
    return [f"{ip.address} {ip.rdns}".rstrip() for ip in view.ips]
