"""`kvmtui doctor`: checks of everything kvmtui needs."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.terminal.output import AsJson

app = typer.Typer(help="Check everything kvmtui needs.")


@app.command()
def doctor(
    server: Annotated[str, typer.Argument(metavar="[SERVER]", help="Only this server.")] = "",
    as_json: AsJson = False,
) -> int:
    """Check everything kvmtui needs: database, key, engine, each server with its privileges, each zone.

    Exit status 1 when something needed is missing. Nothing is changed on any server.

    \b
    kvmtui doctor
    kvmtui doctor pve-waw1 --json
    """
    from engine.actions.doctor import doctor as look
    from kvmtui.terminal import checks, site

    with site.opened():
        found = look(server)
    return checks.show(found, as_json)
