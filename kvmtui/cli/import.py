"""`kvmtui import`: import data of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import Refused
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, DryRun, Reason

app = typer.Typer(help="Import data of other programs.", rich_markup_mode=None)


@app.callback()
def group() -> None:
    """Import data of other programs."""


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
    """Import the IP pools of the PUQ module for WHMCS, and the addresses in use if the file has them.

    Reads the tables of the addon and the older puq_customization_ip_pools. Existing pools are not changed. If the
    file has errors, each is listed with its line and nothing is imported.

    \b
    kvmtui import puq dump.sql --dry-run
    kvmtui import puq pools.csv --server-map 3=pve-waw1
    """
    from engine.audit import current_actor
    from engine.imports.puq.importing import import_file

    servers = dict(_pair(text) for text in server_map or [])
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


def _pair(text: str) -> tuple[str, str]:
    old, equals, name = text.partition("=")
    if not (old and equals and name):
        raise Refused(f"--server-map takes OLD=NAME, such as 3=pve-waw1, and not “{text[:80]}”.")
    return old, name
