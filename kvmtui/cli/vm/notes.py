"""`kvmtui vm notes`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kvmtui.terminal import names
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.output import AsJson

app = typer.Typer()


@app.command()
def notes(
    ref: VmRef,
    words: Annotated[
        str | None, typer.Option("--set", metavar="TEXT", help="Write these instead; - reads stdin.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show what people wrote down about a service, or write something else.

    \b
    kvmtui vm notes 5546
    kvmtui vm notes 5546 --set "moves to the new rack in May"
    kvmtui vm notes 5546 --set - < notes.txt
    """
    from engine.actions.notes import set_notes
    from engine.audit import current_actor
    from engine.queries.notes import notes_of
    from kvmtui.terminal import output, site

    if words is not None:
        text = sys.stdin.read() if words == "-" else words
        with site.changing():
            output.tell(set_notes(current_actor("cli"), names.service_of(ref), text))
        return 0
    with site.opened():
        service_id = names.service_of(ref)
        found = notes_of(service_id)
    if as_json:
        output.show_json({"service_id": service_id, "notes": found})
    elif found:
        for line in found.splitlines():
            output.write(output.safe(line))
    else:
        output.tell("Nobody wrote anything about this service.")
    return 0
