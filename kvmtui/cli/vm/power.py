"""`kvmtui vm start|stop|shutdown|reboot`."""

from __future__ import annotations

import typer

from engine.actions import vms
from engine.audit import current_actor
from kvmtui.terminal import names, open_site
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, Reason, Wait

app = typer.Typer()


@app.command()
def start(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Start a VM.

    \b
    kvmtui vm start 5546 --wait
    """
    return _power(ref, "start", reason, as_json, wait)


@app.command()
def stop(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Stop a VM at once, like pulling the plug.

    \b
    kvmtui vm stop 5546
    """
    return _power(ref, "stop", reason, as_json, wait)


@app.command()
def shutdown(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Shut the guest down.

    \b
    kvmtui vm shutdown vmid:2002 --wait 120
    """
    return _power(ref, "shutdown", reason, as_json, wait)


@app.command()
def reboot(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Reboot the guest.

    \b
    kvmtui vm reboot web-1
    """
    return _power(ref, "reboot", reason, as_json, wait)


def _power(ref: str, verb: str, reason: str, as_json: bool, wait: float | None) -> int:

    with open_site.changing():
        return finish(vms.power(current_actor("cli", reason), names.service_of(ref), verb), wait, as_json)
