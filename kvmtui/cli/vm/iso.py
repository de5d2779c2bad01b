"""`kvmtui vm iso list|mount|eject`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.actions import maintenance
from engine.audit import current_actor
from engine.queries.maintenance import iso_images
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, Reason, Wait

if TYPE_CHECKING:
    from engine.queries.maintenance import IsoView

app = typer.Typer(name="iso", help="Mount and eject ISO images.", no_args_is_help=True)


@app.command("list")
def list_(ref: VmRef, as_json: AsJson = False) -> int:
    """List the ISO images a VM may mount. They are grouped by the part before the first dash.

    \b
    kvmtui vm iso list 5546
    """
    with open_site.opened():
        found = iso_images(names.service_of(ref))
    if as_json:
        output.show_json(found)
        return 0
    rows = [(one.group, one.iso, f"{one.size / 2**20:.0f} MiB", _mounted(one)) for one in found]
    output.show_table(("Group", "Image", "Size", "Mounted"), rows, empty="The ISO storage holds no images.")
    return 0


def _mounted(one: IsoView) -> str:
    return "at the next start" if one.pending else "yes" if one.mounted else ""


@app.command()
def mount(
    ref: VmRef,
    iso: Annotated[str, typer.Argument(metavar="ISO", help="Image, by its file name or volume id.")],
    restart: Annotated[
        bool, typer.Option("--restart", help="Restart a running VM that has no CD drive yet.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Mount an ISO image.

    A running VM without a CD drive gets one at its next start; --restart restarts it now.

    \b
    kvmtui vm iso mount 5546 Debian-12.5.0-amd64-netinst.iso
    """
    with open_site.changing():
        return finish(
            maintenance.mount_iso(current_actor("cli", reason), names.service_of(ref), iso, restart),
            wait,
            as_json,
        )


@app.command()
def eject(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Eject the ISO image.

    \b
    kvmtui vm iso eject 5546
    """
    with open_site.changing():
        return finish(
            maintenance.eject_iso(current_actor("cli", reason), names.service_of(ref)), wait, as_json
        )
