"""`kvmtui vm charts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.clock import iso
from engine.errors import Refused
from engine.queries.charts import METRICS, NAMES, in_unit
from engine.queries.charts import charts as measured
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

if TYPE_CHECKING:
    from engine.queries.charts import ChartsView

app = typer.Typer()
Span = Annotated[str, typer.Option(metavar="SPAN", help="Time span: hour, day, week, month or year.")]


@app.command()
def charts(
    ref: VmRef,
    span: Span = "hour",
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print every point as comma-separated values.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show the usage of a VM as measured by Proxmox. Exit 1: the cluster did not respond.

    \b
    kvmtui vm charts 5546 --span week
    kvmtui vm charts 5546 --span month --csv > usage.csv
    """
    if as_csv and as_json:
        raise Refused("--csv and --json cannot be combined; choose one.")
    with open_site.opened():
        view = measured(names.service_of(ref), span)
    if as_json:
        output.show_json(view)
    elif as_csv:
        _show_csv(view)
    elif view.looked.seen:
        _show_figures(view)
    if not view.looked.seen and not as_json:
        output.message(view.looked.sentence)
    return 0 if view.looked.seen else 1


def _show_csv(view: ChartsView) -> None:
    """A line per moment; a gap is empty."""
    output.write(",".join(("time", *METRICS)))
    for point in view.points:
        values = (getattr(point, name) for name in METRICS)
        output.write(
            ",".join((iso(point.time) or "", *("" if each is None else f"{each:g}" for each in values)))
        )


def _show_figures(view: ChartsView) -> None:

    figures = view.figures or {}
    rows = [
        (NAMES[name], *(in_unit(name, value) for value in (each.latest, each.average, each.maximum)))
        for name, each in figures.items()
    ]
    empty = f"Nothing measured yet in the last {view.span}."
    output.show_table(("Usage", "Now", "Average", "Maximum"), rows if view.points else [], empty)
