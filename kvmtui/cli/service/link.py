"""`kvmtui service link`: the client's page of a service."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions.client_sessions import create_link
from engine.audit import current_actor
from engine.clock import iso
from kvmtui import config
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer()


@app.command()
def link(
    ref: VmRef,
    view: Annotated[
        bool, typer.Option("--view", help="Show the page as the client sees it; it changes nothing.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Print a link to the client's page of a service. It opens once, within 60 seconds, while the API is served.

    \b
    kvmtui service link 5546
    kvmtui service link 5546 --view
    """
    base = config.load().api.client_url()
    with open_site.changing():
        service_id = names.service_of(ref)
        made = create_link(current_actor("cli", reason), service_id, view)
        url, expires = f"{base}/client/enter/{made.secret}", iso(made.expires_at)
        if as_json:
            output.show_json({"service_id": service_id, "url": url, "expires": expires})
        else:
            output.write(url)
        output.message(f"The link opens once, until {expires}.")
