"""`kvmtui server pause|resume`."""

from __future__ import annotations

import typer

from engine.actions import pausing
from engine.audit import current_actor
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import ServerName
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer()


@app.command()
def pause(name: ServerName, reason: Reason = "", as_json: AsJson = False) -> int:
    """Stop all work on a server. Its VMs wait.

    \b
    kvmtui server pause pve-waw1
    """
    with open_site.changing():
        sentence = pausing.pause(current_actor("cli", reason), name)
    output.done(sentence, as_json, server=name, state="paused")
    return 0


@app.command()
def resume(name: ServerName, reason: Reason = "", as_json: AsJson = False) -> int:
    """Resume work on a paused server. Its VMs continue at once.

    \b
    kvmtui server resume pve-waw1
    """
    with open_site.changing():
        sentence = pausing.resume(current_actor("cli", reason), name)
    output.done(sentence, as_json, server=name, state="enabled")
    return 0
