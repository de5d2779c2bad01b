"""`kvmtui vm log`: every run of a VM with its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvmtui.terminal import names
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
    from engine.queries.refs import vm_id_of_service
    from engine.queries.runs import runs
    from kvmtui.terminal import open_site, output

    with open_site.opened():
        found = runs(vm_id_of_service(names.service_of(ref)), run)
    if as_json:
        output.show_json([as_object(one) for one in found])
    elif not found:
        output.message("Nothing has happened to this VM yet.")
    for one in found if not as_json else ():
        _show(one)
    return 0


def as_object(run: RunView) -> dict[str, Any]:
    """A run with the field names scripts rely on."""
    from engine.clock import iso

    return {
        "id": run.id,
        "action": run.action,
        "from": run.from_status,
        "to": run.to_status,
        "result": run.result,
        "started": iso(run.started),
        "finished": iso(run.finished),
        "seconds": run.seconds,
        "error": run.error or None,
        "asked_by": run.asked_by or None,
        "steps": [
            {
                "n": step.n,
                "step": step.step,
                "label": step.label,
                "from": step.from_status,
                "to": step.to_status,
                "result": step.result,
                "started": iso(step.started),
                "seconds": step.seconds,
                "error": step.error or None,
                "notes": step.notes,
            }
            for step in run.steps
        ],
    }


def _show(run: RunView) -> None:
    from engine.clock import stamp
    from kvmtui.terminal import output

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
