"""`kvmtui vm log`: every run of a VM with its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.clock import stamp
from engine.queries.documents import run_document
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import runs
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

if TYPE_CHECKING:
    from engine.queries.runs import RunView

app = typer.Typer()


@app.command()
def log(
    ref: VmRef,
    run: Annotated[int | None, typer.Option(metavar="ID", help="Show only this run.")] = None,
    as_json: AsJson = False,
) -> int:
    """Show the runs and steps of a VM, newest first.

    \b
    kvmtui vm log 5546
    kvmtui vm log 5546 --run 812 --json
    """
    with open_site.opened():
        found = runs(vm_id_of_service(names.service_of(ref)), run)
    if as_json:
        output.show_json([run_document(one) for one in found])
    elif not found:
        output.message("Nothing has happened to this VM yet.")
    for one in found if not as_json else ():
        _show(one)
    return 0


def _show(run: RunView) -> None:

    move = f"{run.from_status} -> {run.to_status or '…'}"
    head = f"{stamp(run.started)}  run {run.id}  {run.action}  {run.result}  {move}"
    output.write(output.safe(f"{head}  [{run.seconds:.2f}s]"))
    if run.error:
        output.write(output.safe(f"  {run.error}"))
    for step in run.steps:
        said = step.result if not step.error else f"{step.result}: {step.error}"
        move = f"{step.from_status} -> {step.to_status}"
        output.write(output.safe(f"  {step.n:>2}. {step.label:<28} {said}  ({move})  [{step.seconds:.2f}s]"))
        for note in step.notes:
            output.write(output.safe(f"      · {note}"))
