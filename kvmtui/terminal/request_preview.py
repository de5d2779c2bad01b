"""--dry-run of a verb that queues a request: what would run, and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable

from engine.actions.previews import Preview, preview
from engine.actions.requests import Queued
from engine.counting import counted
from engine.errors import AlreadySo
from kvmtui.terminal import output


def show_preview(work: Callable[[], Queued], as_json: bool) -> int:
    """Print the steps that `work` would queue; refused exactly as the request itself would be."""
    try:
        found = preview(work)
    except AlreadySo as so:
        found = Preview("", so.sentence, ())
    if as_json:
        output.show_json({"dry_run": True, **output.plain(found)})
    elif not found.steps:
        output.write(output.safe(found.sentence))
    else:
        output.write(f"{found.action} would run {counted(len(found.steps), 'steps')}:")
        for number, label in enumerate(found.steps, 1):
            output.write(f"{number:3}. {label}")
    return 0
