"""`kvmtui doctor`: checks of everything kvmtui needs."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.terminal.options import AsJson

app = typer.Typer(help="Check whether everything can work.")


@app.command()
def doctor(
    server: Annotated[str, typer.Argument(metavar="[SERVER]", help="Check only this server.")] = "",
    as_json: AsJson = False,
) -> int:
    """Check database, secret key, engine, every server with its privileges, mail and every zone.

    Exit status 1 if something required is missing. Nothing is changed on any server.

    \b
    kvmtui doctor
    kvmtui doctor pve-waw1 --json
    """
    from engine.actions.doctor import doctor as look
    from kvmtui.terminal import checks, open_site

    with open_site.opened():
        found = look(server)
    return checks.show(found, as_json)
