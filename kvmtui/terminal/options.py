"""The options that mean the same at every verb."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "--plan", help="Show what would be done; change nothing.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Reason, kept in the audit log.")]
Wait = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        min=0,
        help="Follow the request until it ends, at most this many seconds, and exit with its result.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
