"""`kvmtui server pause|resume`."""

from __future__ import annotations

import typer

from kvmtui.terminal.names import ServerName

app = typer.Typer()


@app.command()
def pause(name: ServerName) -> int:
    """Stop all work on a server. Its VMs wait.

    \b
    kvmtui server pause pve-waw1
    """
    from engine.actions.pausing import pause as act
    from engine.audit import current_actor
    from kvmtui.terminal import output, site

    with site.changing():
        output.tell(act(current_actor("cli"), name))
    return 0


@app.command()
def resume(name: ServerName) -> int:
    """Resume work on a paused server. Its VMs continue at once.

    \b
    kvmtui server resume pve-waw1
    """
    from engine.actions.pausing import resume as act
    from engine.audit import current_actor
    from kvmtui.terminal import output, site

    with site.changing():
        output.tell(act(current_actor("cli"), name))
    return 0
