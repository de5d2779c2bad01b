"""`kvmtui import`: import data of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.audit import current_actor
from engine.errors import Refused
from engine.imports.puq.importing import import_file
from engine.imports.whmcs.planning import ShopMaps
from kvmtui.imports import verb
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait

app = typer.Typer(help="Import data from other programs.", rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Import data from other programs."""


@app.command()
def puq(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="SQL dump of its tables, or CSV.")],
    server_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NAME", help="Map a server name or number of the file to a server here."),
    ] = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Import the IP pools of the PUQ module for WHMCS. Addresses in use are imported if the file has them.

    Reads the tables of the addon and the older puq_customization_ip_pools. Existing pools are not changed. If the
    file has errors, each is listed with its line and nothing is imported.

    \b
    kvmtui import puq dump.sql --dry-run
    kvmtui import puq pools.csv --server-map 3=pve-waw1
    """
    servers = _pairs("--server-map", server_map, "3=pve-waw1")
    with open_site.opened() if dry_run else open_site.changing():
        report = import_file(file, servers, dry_run, current_actor("cli", reason))
    if as_json:
        output.show_json(report)
        return
    for line in report.mapping:
        output.message(f"read from {line}")
    for line in report.notes:
        output.message(line)
    for line in report.lines:
        output.write(line)
    verb = "would be" if dry_run else "were"
    output.message(f"{report.changed} of {len(report.lines)} {verb} imported; the others exist already.")


@app.command()
def whmcs(
    db_dump: Annotated[
        Path | None, typer.Option("--db-dump", metavar="FILE", help="mysqldump of WHMCS, plain or gzip.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="DIR", help="Folder with one CSV file per table.")
    ] = None,
    server_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NAME", help="Map a server name or number of WHMCS to a server here."),
    ] = None,
    product_map: Annotated[
        list[str] | None,
        typer.Option(metavar="OLD=NAME", help="Use a product that is here for a product of WHMCS."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar="N=FIELD", help="Say which product field configoptionN is, e.g. 3=target_node."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what is not here yet as a manifest.")
    ] = None,
    adoptions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="List of VMs to adopt: written if missing, else read for its ticks."
        ),
    ] = None,
    carry_out: Annotated[
        bool, typer.Option("--apply", help="Carry it out; without it, only the plan is shown.")
    ] = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Import products, clients and services from WHMCS. Those of the PUQ module are imported, and their VMs adopted.

    Without --apply only the plan is shown: what would be created, what exists, what cannot be moved and why. With it,
    pools, products and clients are made, and VMs adopted: those ticked in the list of --adoptions, or those whose
    names are typed when asked. In a VM, only the ownership mark is written. Passwords and keys are not read.

    \b
    kvmtui import whmcs --db-dump whmcs.sql.gz --manifest shop.yaml --adoptions vms.txt
    kvmtui import whmcs --db-dump whmcs.sql.gz --adoptions vms.txt --apply --wait=600
    """
    if (db_dump is None) == (csv is None):
        raise Refused("Give either --db-dump FILE or --csv DIR.")
    carry_out = carry_out and not dry_run
    maps = ShopMaps(
        _pairs("--server-map", server_map, "3=pve-waw1"),
        _pairs("--product-map", product_map, "VPS=VPS-2"),
        verb.positions(_pairs("--setting", setting, "3=target_node")),
    )
    asked = verb.Asked(db_dump, csv, maps, manifest, adoptions, carry_out, reason, as_json, wait)
    with open_site.changing() if carry_out else open_site.opened():
        return verb.run(asked)


def _pairs(option: str, texts: list[str] | None, example: str) -> dict[str, str]:
    pairs = {}
    for text in texts or []:
        old, equals, name = text.partition("=")
        if not (old and equals and name):
            form = "N=FIELD" if option == "--setting" else "OLD=NAME"
            raise Refused(f"{option} takes {form}, such as {example}, not '{text[:80]}'.")
        pairs[old] = name
    return pairs
