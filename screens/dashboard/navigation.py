"""Goes from a line that names something to the screen that shows it, with the cursor on its row."""

from __future__ import annotations

from typing import Any

from engine.queries.attention import ScreenTarget
from screens.framework.screen import actor

ALERTS = ScreenTarget("alerts")
OUTBOX = ScreenTarget("outbox")


def follow(app: Any, target: ScreenTarget) -> None:
    """Opens what a target names, in a worker that holds keys back until it is there."""
    if target.screen == "vm":
        app.run_worker(app.open_vm(int(target.key or 0)), group="go")
    elif target == ALERTS:
        app.do_alerts()
    elif target == OUTBOX:
        from screens.settings import outbox

        app.run_worker(outbox.show_outbox(app, actor(), app.read_only), group="dialog", exclusive=True)
    else:
        if target.key is not None or target.filter:
            seen = {"filter": target.filter, "cursor": target.key, "state": "all", "service": "all"}
            app.memory.keep(target.screen, app.memory.of(target.screen) | seen)
        app.run_worker(app.open(target.screen), group="go")
