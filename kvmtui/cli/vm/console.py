"""`kvmtui vm console`: a guest's serial line in this terminal, or a link that shows its screen in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.consoles import console_options, novnc
from engine.errors import Refused
from kvmtui.terminal import open_site
from kvmtui.terminal.names import completing
from kvmtui.terminal.options import Reason
from kvmtui.terminal.output import write
from kvmtui.terminal.screen_link import show
from kvmtui.terminal.serial_line import attach

app = typer.Typer()


@app.command()
def console(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="Service id, vmid:N, or the VM's name.",
            show_default=False,
            autocompletion=completing("vm"),
        ),
    ] = "",
    vnc: Annotated[
        bool,
        typer.Option("--vnc", help="Print a link to the noVNC console; it works once, within 10 seconds."),
    ] = False,
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS[:PORT]", help="With --vnc: address to serve the link on.")
    ] = "",
    detach: Annotated[str, typer.Option(metavar="KEY", help="Key that leaves the serial console.")] = "",
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the output to a new file."),
    ] = None,
    get_novnc: Annotated[
        bool, typer.Option("--get-novnc", help="Download noVNC with npm; needs no REF.")
    ] = False,
    reason: Reason = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="With --vnc: print the link as one JSON document.")
    ] = False,
) -> int:
    """Open the serial console of a VM. With --vnc: its noVNC console in a browser.

    \b
    kvmtui vm console 5546                   # Ctrl+] leaves it
    kvmtui vm console 5546 --log boot.log
    kvmtui vm console 5546 --vnc             # ends when the browser closes it
    """
    _refuse_mixed(vnc=vnc, get_novnc=get_novnc, listen=listen, as_json=as_json, serial=bool(detach or log))
    if get_novnc:
        return _fetch()
    if not ref:
        raise Refused("VM required: give a service id, vmid:N, or a name: kvmtui vm console REF")
    if vnc:
        return show(ref, listen, reason, as_json)

    return attach(ref, detach, log, reason)


def _refuse_mixed(*, vnc: bool, get_novnc: bool, listen: str, as_json: bool, serial: bool) -> None:
    """The serial line and the screen have options of their own; one that would do nothing is refused."""
    if get_novnc and (vnc or listen or as_json or serial):
        raise Refused("--get-novnc cannot be combined with other options.")
    if vnc and serial:
        raise Refused("--detach and --log are for the serial console; they cannot be combined with --vnc.")
    if not vnc and (listen or as_json):
        raise Refused("--listen and --json are for links to noVNC consoles; add --vnc.")


def _fetch() -> int:

    with open_site.changing():
        count = novnc.fetch(console_options.novnc_folder())
        write(
            f"noVNC {novnc.VERSION} is in {console_options.novnc_folder()} ({count} files, licence MPL-2.0)."
        )
    return 0
