"""`kvmtui db`: back the database up, look it over, bring it up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kvmtui.terminal import site

app = typer.Typer(
    help="Back up, check and migrate the database.", rich_markup_mode=None, no_args_is_help=True
)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; an existing one is never overwritten.")],
) -> None:
    """Write a consistent copy of the database while it is in use.

    The copy has mode 0600. It does not contain the secret key: keep a copy of that separately.

    \b
    kvmtui db backup /var/backups/kvmtui-2026-04-10.db
    """
    from engine.store.backup import backup as write

    with site.opened():
        write(file)
    typer.echo(f"Backup written: {file}")


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check the integrity of the database. Exit 1: it has errors.

    \b
    kvmtui db check
    """
    from engine.store.check import check as look

    with site.opened():
        found = look()
    if as_json:
        typer.echo(json.dumps([{"about": each.about, "sentence": each.sentence} for each in found], indent=2))
    else:
        for each in found:
            typer.echo(f"{each.about}: {each.sentence}")
        typer.echo(f"{len(found)} fault(s) found." if found else "All is well.")
    return 1 if found else 0


@app.command()
def migrate() -> None:
    """Migrate the database to this version. Every start does the same.

    \b
    kvmtui db migrate
    """
    from engine.errors import Refused
    from engine.store.migrate import migrate as run
    from kvmtui import config

    if site.is_read_only():
        raise Refused("Nothing was changed: kvmtui was started with --read-only. Run it without.")
    config.reach_database(config.load())
    try:
        names = run()
    finally:
        config.close_site()
    for name in names:
        typer.echo(f"Migrated: {name}")
    if not names:
        typer.echo("The database is up to date.")
