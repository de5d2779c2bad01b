"""`kvmtui pool`: the address pools."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions.pools import create_pool, delete_pool, put_pool
from engine.audit import current_actor
from engine.forms import PoolForm, checked
from engine.queries.pools import held, pool_values, pools
from engine.queries.refs import pool_ref
from kvmtui.terminal import assigning, open_site, output
from kvmtui.terminal.assigning import Sets
from kvmtui.terminal.names import PoolRef, completing
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name

app = typer.Typer(help="Manage address pools.", rich_markup_mode=None, no_args_is_help=True)
_HEADS = ("ID", "Server", "Type", "Bridge", "VLAN", "First", "Last", "Mask", "Used", "Free", "Reverse zone")
OfServer = Annotated[
    str | None,
    typer.Option("--server", help="Only pools of this server.", autocompletion=completing("server")),
]
Server = Annotated[str, typer.Option(help="Server.", autocompletion=completing("server"))]
Bridge = Annotated[str | None, typer.Option(help="Bridge, such as vmbr0.")]
Vlan = Annotated[int | None, typer.Option(help="VLAN tag, 0 for none.")]
Gateway = Annotated[str | None, typer.Option(help="Gateway.")]
Mask = Annotated[int | None, typer.Option(help="Prefix length.")]
Dns1 = Annotated[str | None, typer.Option(help="First name server.")]
Dns2 = Annotated[str | None, typer.Option(help="Second name server.")]


@app.command("list")
def list_pools(server: OfServer = None, as_json: AsJson = False) -> None:
    """List the pools with their usage.

    \b
    kvmtui pool list
    kvmtui pool list --server pve-waw1 --json
    """
    with open_site.opened():
        found = pools(server)
    if as_json:
        output.show_json(found)
        return
    rows = (
        (p.id, p.server, p.type, p.bridge, p.vlan, p.start, p.stop, p.mask, p.used, p.free, p.rdns_zone)
        for p in found
    )
    output.show_table(_HEADS, rows, "There are no pools yet. Add one with: kvmtui pool add")


@app.command()
def show(pool: PoolRef, as_json: AsJson = False) -> None:
    """Show a pool and its assigned addresses.

    \b
    kvmtui pool show 3
    kvmtui pool show pve-waw1/192.168.130.2 --json
    """
    with open_site.opened():
        number = pool_ref(pool)
        view = next(each for each in pools() if each.id == number)
        addresses = held(number)
    facts = output.plain(view) | {"addresses": output.plain(addresses)}
    if as_json:
        output.show_json(facts)
        return
    lines = [f"{each.address} {each.state} {each.name}".rstrip() for each in addresses]
    output.show_facts(facts | {"addresses": lines})


@app.command()
def add(
    server: Server,
    family: Annotated[str, typer.Option("--type", help="IPv4 or IPv6.")],
    gateway: Gateway,
    mask: Mask,
    start: Annotated[str, typer.Option(help="First address.")],
    stop: Annotated[str, typer.Option(help="Last address.")],
    bridge: Bridge = None,
    vlan: Vlan = None,
    dns1: Dns1 = None,
    dns2: Dns2 = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Add a pool.

    \b
    kvmtui pool add --server pve-waw1 --type IPv4 --gateway 192.168.130.1 --mask 24 \\
        --start 192.168.130.2 --stop 192.168.130.254 --dns1 8.8.8.8
    """
    options = {
        "server": server,
        "type": family,
        "gateway": gateway,
        "mask": mask,
        "start": start,
        "stop": stop,
    }
    options |= {"bridge": bridge, "vlan": vlan, "dns1": dns1, "dns2": dns2}
    form = checked(PoolForm, assigning.assigned({"excluded": []}, sets, **options))
    with open_site.changing(dry_run):
        assigning.say(create_pool(form, current_actor("cli", reason)), as_json, dry_run)


@app.command()
def edit(
    pool: PoolRef,
    start: Annotated[str | None, typer.Option(help="First address.")] = None,
    stop: Annotated[str | None, typer.Option(help="Last address.")] = None,
    gateway: Gateway = None,
    mask: Mask = None,
    bridge: Bridge = None,
    vlan: Vlan = None,
    dns1: Dns1 = None,
    dns2: Dns2 = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Change a pool. Assigned addresses keep their settings.

    \b
    kvmtui pool edit 3 --stop 192.168.130.100
    kvmtui pool edit 3 --set excluded=192.168.130.5,192.168.130.9-192.168.130.12
    """
    options = {"start": start, "stop": stop, "gateway": gateway, "mask": mask, "bridge": bridge, "vlan": vlan}
    options |= {"dns1": dns1, "dns2": dns2}
    with open_site.changing(dry_run):
        number = pool_ref(pool)
        form = checked(PoolForm, assigning.assigned(pool_values(number), sets, **options))
        assigning.say(put_pool(form, current_actor("cli", reason), number), as_json, dry_run)


@app.command()
def delete(
    pool: PoolRef,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete a pool with no addresses in use.

    \b
    kvmtui pool delete 3
    """
    with open_site.changing(dry_run):
        number = pool_ref(pool)
        start = pool_values(number)["start"]
        confirm_name(start, f"The pool that starts at {start} will be deleted.", yes or dry_run)
        delete_pool(number, current_actor("cli", reason))
    assigning.say_deleted("pool", start, number, as_json, dry_run)
