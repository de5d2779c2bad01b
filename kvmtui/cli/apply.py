"""`kvmtui apply`: make the database match a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kvmtui.terminal.output import AsJson

if TYPE_CHECKING:
    from engine.actions.site import Outcome
    from kvmtui.manifest.applying import Report

app = typer.Typer(rich_markup_mode=None)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The manifest, a YAML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; change nothing.")] = False,
    change_package: Annotated[
        bool, typer.Option("--change-package", help="Queue change-package for the services it changes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the database match a manifest.

    Objects that the file does not name are left alone; applying twice changes nothing the second time. A running
    VM is never touched: what it lacks is shown as pending.

    \b
    kvmtui apply site.yaml --dry-run
    kvmtui apply site.yaml
    kvmtui apply site.yaml --change-package
    """
    from engine.audit import current_actor
    from kvmtui.manifest import applying
    from kvmtui.terminal import output, site

    with site.opened() if dry_run else site.changing():
        report = applying.apply(file, current_actor("apply"), dry_run, change_package)
    if as_json:
        output.show_json(_plain(report))
    else:
        _show(report)


def _plain(report: Report) -> dict[str, Any]:
    return {
        "dry_run": report.dry_run,
        "changed": report.changed,
        "plan": report.plan,
        "pending": report.pending,
        "queued": report.queued,
    }


def _show(report: Report) -> None:
    """The plan; of an apply only what it did, so that a second one says nothing."""
    from kvmtui.terminal import output

    lines = [line for outcome in report.plan for line in _lines(outcome, report.dry_run)]
    for pending in report.pending:
        what = ", ".join(
            f"{each.field}: {_shown(each.old)} -> {_shown(each.new)}" for each in pending.changes
        )
        state = "queued" if pending.service in report.queued else "pending"
        lines.append(f"! {state} service {pending.service} {what}")
    if lines:
        output.write("\n".join(output.safe(line) for line in lines))
    if report.pending and not report.queued:
        output.tell(
            f"{len(report.pending)} machine(s) get this with: kvmtui service change-package ID, "
            "or apply --change-package."
        )


def _lines(outcome: Outcome, with_same: bool) -> list[str]:
    what = f"{outcome.kind} {outcome.name}"
    if outcome.verb == "create":
        return [f"+ create {what}"]
    if outcome.verb == "same":
        return [f"= same {what}"] if with_same else []
    return [
        f"~ change {what} {each.field}: {_shown(each.old)} -> {_shown(each.new)}"
        for each in outcome.differences
    ]


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) or "(none)" if isinstance(value, list) else str(value)
