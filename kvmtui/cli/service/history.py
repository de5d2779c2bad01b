"""`kvmtui service history`: everything that happened to a service, in one timeline."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.clock import stamp
from engine.queries.history import history_of
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command()
def history(
    ref: VmRef,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Maximum number of entries, newest first.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the history of a service, newest first. Requests, runs, and when its guest was marked or deleted.

    `kvmtui vm log REF --run ID` shows one run.

    \b
    kvmtui service history 5546
    kvmtui service history web01 --limit 20 --json
    """
    with open_site.opened():
        found = history_of(names.service_of(ref), limit)
    if as_json:
        shown = [output.plain(each) for each in found]
        output.show_json([{name: each[name] for name in each if name != "place"} for each in shown])
        return
    heads = ("When (UTC)", "Who", "What", "Result", "Run", "Detail")
    rows = ((stamp(each.at), each.who, each.what, each.result, each.run_id, each.detail) for each in found)
    output.show_table(heads, rows, "Nothing has happened to this service yet.")
