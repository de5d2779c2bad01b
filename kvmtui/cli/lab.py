"""`kvmtui lab`: the simulated cluster alone, for any Proxmox client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import Refused

app = typer.Typer(help="Serve a simulated Proxmox VE cluster on this host.")


@app.command()
def lab(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8006,
    speed: Annotated[float, typer.Option(min=0.01, max=1e6, help="Speed relative to real time.")] = 1.0,
    nodes: Annotated[int, typer.Option(min=1, max=9, help="Number of nodes.")] = 3,
    version: Annotated[str, typer.Option(help="Proxmox VE version to simulate: 7.4, 8 or 9.")] = "9",
    faults: Annotated[Path | None, typer.Option(help="File with faults to inject, YAML or JSON.")] = None,
) -> int:
    """Serve a simulated three-node cluster, until Ctrl+C. It speaks HTTPS on loopback.

    It prints how to connect. Nothing outside this host is touched, nothing is kept.

    \b
    kvmtui lab --port 8006 --speed 10
    """
    try:
        from kvmtui.lab import serve
    except ImportError as error:
        raise Refused(
            "The simulated cluster is not installed; run in the checkout: pip install '.[lab]'"
        ) from error
    serve(port=port, speed=speed, faults=faults, nodes=nodes, version=version)
    return 0
