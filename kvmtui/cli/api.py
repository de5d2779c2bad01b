"""`kvmtui api`: the HTTP API alone, without an engine."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.terminal.api import serve

app = typer.Typer(help="Serve the HTTP API.")


@app.command()
def api(
    listen: Annotated[
        str, typer.Argument(metavar="[ADDRESS:PORT]", help="Overrides `listen` of [api] in config.toml.")
    ] = "",
) -> int:
    """Serve the HTTP API alone, until SIGTERM or Ctrl+C.

    It queues requests; a daemon, a console or `kvmtui cron` carries them out. Not on loopback it needs `tls_cert` and
    `tls_key`, or `behind_proxy`, in [api] of config.toml. A socket passed by systemd is used instead of an address.

    \b
    kvmtui api
    kvmtui api 127.0.0.1:8460
    """
    return serve(listen)
