"""`kvmtui doctor`: checks of everything kvmtui needs."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions.doctor import doctor as run_checks
from kvmtui.terminal import checks, open_site
from kvmtui.terminal.options import AsJson

app = typer.Typer(help="Check whether everything can work.")


@app.command()
def doctor(
    server: Annotated[str, typer.Argument(metavar="[SERVER]", help="Check only this server.")] = "",
    as_json: AsJson = False,
) -> int:
    """Check whether everything can work. Database, secret key, engine, servers, privileges, mail and zones are checked.

    Exit status 1 if something required is missing. Nothing is changed on any server.

    \b
    kvmtui doctor
    kvmtui doctor pve-waw1 --json
    """
    with open_site.opened():
        found = run_checks(server)
    return checks.show(found, as_json)
