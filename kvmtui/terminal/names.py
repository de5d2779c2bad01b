"""Names on the command line: references to VMs, and shell completion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer


def service_of(ref: str) -> int:
    """The service behind a reference: its id, `vmid:N`, or a VM's name."""
    from engine.queries.refs import service_ref

    return service_ref(ref).service_id


def name_of(service_id: int) -> str:
    """The name of the service's VM, or its id while there is none."""
    from engine.queries.refs import name_of_service

    return name_of_service(service_id)


def completing(kind: str) -> Callable[[str], list[str]]:
    """A completion of the names of a kind: server, pool, zone, product, client, token, vm."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in _known(kind) if name.lower().startswith(incomplete.lower())]

    return complete


def _known(kind: str) -> list[str]:
    """The names there are; while completing, whatever goes wrong means none."""
    from engine.queries.refs import names_of
    from kvmtui.terminal import open_site

    try:
        with open_site.opened():
            return names_of(kind)
    except Exception:  # noqa: BLE001 - a message in the middle of a typed line helps nobody
        return []


VmRef = Annotated[
    str,
    typer.Argument(
        metavar="REF", help="Service id, vmid:N, or the VM's name.", autocompletion=completing("vm")
    ),
]
ServerName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the server.", autocompletion=completing("server"))
]
ProductName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the product.", autocompletion=completing("product"))
]
TokenName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the token.", autocompletion=completing("token"))
]
ClientName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the client.", autocompletion=completing("client"))
]
PoolRef = Annotated[
    str,
    typer.Argument(
        metavar="POOL",
        help="Pool: id, first address, or SERVER/ADDRESS.",
        autocompletion=completing("pool"),
    ),
]
ZoneRef = Annotated[
    str,
    typer.Argument(metavar="ZONE", help="Zone: id, name, or NAME/TYPE.", autocompletion=completing("zone")),
]
