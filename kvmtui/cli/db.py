"""`kvmtui db`: back up, check and migrate the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.counting import counted
from engine.roles import Role
from engine.store.backup import backup as write
from engine.store.check import check as check_database
from engine.store.migrate import migrate as run
from kvmtui import config
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson

app = typer.Typer(
    help="Back up, check and migrate the database.", rich_markup_mode=None, no_args_is_help=True
)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="A new file; an existing one is never overwritten.")],
    as_json: AsJson = False,
) -> None:
    """Write a consistent copy of the database while it is in use.

    The copy has mode 0600. It does not contain the secret key: keep a copy of that separately.

    \b
    kvmtui db backup /var/backups/kvmtui-2026-04-10.db
    """
    with open_site.opened():
        open_site.need(Role.OWNER, "back up the database")
        write(file)
    output.done(f"Backup written: {file}", as_json, file=str(file))


@app.command()
def check(as_json: AsJson = False) -> int:
    """Check the integrity of the database. Exit 1: it has errors.

    \b
    kvmtui db check
    """
    with open_site.opened():
        found = check_database()
    if as_json:
        output.show_json([{"about": each.about, "sentence": each.sentence} for each in found])
    else:
        for each in found:
            output.write(output.safe(f"{each.about}: {each.sentence}"))
        output.write(f"{counted(len(found), 'errors')} found." if found else "All is well.")
    return 1 if found else 0


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Migrate the database to this version. Every start does the same.

    \b
    kvmtui db migrate
    """
    open_site.refuse_read_only()
    config.reach_database(config.load())
    try:
        names = run()
    finally:
        config.close_site()
    sentence = f"Migrated: {', '.join(names)}" if names else "The database is up to date."
    output.done(sentence, as_json, migrated=names)
