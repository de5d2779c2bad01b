"""`kvmtui server test`."""

from __future__ import annotations

import typer

from engine.actions.doctor import check_server_named
from kvmtui.terminal import checks, open_site
from kvmtui.terminal.names import ServerName
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command()
def test(name: ServerName, as_json: AsJson = False) -> int:
    """Test a server. Reachability, certificate, login, every privilege, storages and templates are checked.

    For each missing privilege the command that grants it is shown. Exit status 1 if a required check failed.

    \b
    kvmtui server test pve-waw1
    """
    with open_site.opened():
        found = check_server_named(name)
    return checks.show(found, as_json)
