"""`kvmtui apply`: make the database match a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.actions.requests import Queued
from engine.audit import current_actor
from engine.counting import counted
from engine.queries.refs import vm_id_of_service
from engine.queries.requests import open_requests
from engine.work import events
from kvmtui.manifest import applying
from kvmtui.terminal import assigning, open_site, output
from kvmtui.terminal.following import document, follow
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait

if TYPE_CHECKING:
    from kvmtui.manifest.applying import ApplyReport

app = typer.Typer(rich_markup_mode=None)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The manifest, a YAML file.")],
    dry_run: DryRun = False,
    change_package: Annotated[
        bool, typer.Option("--change-package", help="Queue change-package for the services it changes.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Make the database match a manifest.

    Objects that the file does not name are left alone; applying twice changes nothing the second time. A running
    VM is never touched: what it lacks is shown as pending.

    \b
    kvmtui apply site.yaml --dry-run
    kvmtui apply site.yaml
    kvmtui apply site.yaml --change-package
    """
    with open_site.opened() if dry_run else open_site.changing():
        seen = events.last_id()
        report = applying.apply(file, current_actor("apply", reason), dry_run, change_package)
        if not as_json:
            _show(report)
        status, queued = _follow(report, wait, seen, as_json)
    if as_json:
        output.show_json(_plain(report) | {"requests": queued})
    return status


def _plain(report: ApplyReport) -> dict[str, Any]:
    return {
        "dry_run": report.dry_run,
        "changed": report.changed,
        "plan": report.plan,
        "pending": report.pending,
        "queued": report.queued,
    }


def _follow(
    report: ApplyReport, wait: float | None, seen: int, as_json: bool
) -> tuple[int, list[dict[str, Any]]]:
    """The exit status and the requests of the services that were created or queued; with --wait, once they ended."""
    if report.dry_run or not (as_json or wait is not None):
        return 0, []
    created = [int(each.id) for each in report.plan if (each.kind, each.verb) == ("service", "create")]
    queued = [
        Queued(number, vm_id_of_service(number), one.action, f"{one.action} is queued.", seen, one.id)
        for number in sorted({*created, *report.queued})
        for one in open_requests(number)[-1:]
    ]
    status = follow(queued, wait, output.message if as_json else output.write) if wait is not None else 0
    return status, [document(each) for each in queued]


def _show(report: ApplyReport) -> None:
    """The plan; of an apply only what it did, so that a second one says nothing."""
    lines = [line for outcome in report.plan for line in assigning.plan_lines(outcome, report.dry_run)]
    for pending in report.pending:
        what = ", ".join(
            f"{each.field}: {assigning.shown(each.old)} -> {assigning.shown(each.new)}"
            for each in pending.changes
        )
        state = "queued" if pending.service in report.queued else "pending"
        lines.append(f"! {state} service {pending.service} {what}")
    if lines:
        output.write("\n".join(output.safe(line) for line in lines))
    if report.pending and not report.queued:
        output.message(
            f"{counted(len(report.pending), 'VMs have')} pending changes. Apply them with: "
            "kvmtui service change-package ID, or apply --change-package."
        )
