"""`kvmtui service notes`: what people wrote down about a service."""

from __future__ import annotations

import typer

from engine.actions.notes import set_notes
from engine.audit import current_actor
from engine.queries.notes import notes_of
from kvmtui.terminal import names, notes, open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer()


@app.command("notes")
def service_notes(
    ref: VmRef,
    new: notes.Set = None,
    add: notes.Add = None,
    file: notes.FromFile = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Show or change the notes of a service. Changes are audited.

    \b
    kvmtui service notes 5546
    kvmtui service notes 5546 --add "moved to the new rack"
    kvmtui service notes 5546 --file notes.txt
    """
    change = notes.wanted(new, add, file)
    with open_site.opened() if change is None else open_site.changing():
        service = names.service_of(ref)
        old = notes_of(service)
        if change is None:
            notes.show(old, as_json)
            return
        output.message(set_notes(current_actor("cli", reason), service, change(old), old))
        if as_json:
            notes.show(notes_of(service), as_json)
