"""`kvmtui notify`: who is notified of what happens."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import notifications
from engine.audit import current_actor
from engine.clock import iso
from engine.counting import counted
from engine.queries.engines import one_runs
from engine.queries.notifications import targets
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer(
    help="List, test and resend the notifications for operators.", rich_markup_mode=None, no_args_is_help=True
)

Targets = Annotated[
    list[str] | None,
    typer.Argument(metavar="TARGET", help="Name of a target in config.toml; default: all targets."),
]


@app.command("list")
def list_targets(as_json: AsJson = False) -> None:
    """List the targets in config.toml and their pending notifications. URLs are not shown.

    \b
    kvmtui notify list
    """
    with open_site.opened():
        found = targets()
    if as_json:
        output.show_json(found)
        return
    rows = (
        (
            *(each.name, each.url, each.level),
            f"{each.quiet_hours} {each.time_zone}" if each.quiet_hours else "",
            *(each.state, each.pending, each.failed, iso(each.last_sent) or "never", each.error),
        )
        for each in found
    )
    heads = ("Target", "URL", "Level", "Quiet hours", "State", "Pending", "Failed", "Last sent", "Error")
    output.show_table(
        heads, rows, "No notification targets are set up. Add one to config.toml under [notify.targets.NAME]."
    )


@app.command("test")
def send_test(
    target: Targets = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> int:
    """Send a test now, regardless of level and quiet hours. Exit 1: a target rejected it.

    \b
    kvmtui notify test
    kvmtui notify test oncall --json
    """
    with open_site.changing():
        answers = notifications.test(current_actor("cli", reason), target or ())
    if as_json:
        output.show_json(answers)
    else:
        for each in answers:
            said = "sent" if each.sent else f"not sent: {each.error}"
            output.write(output.safe(f"{each.target}: {said}"))
    return 0 if all(each.sent for each in answers) else 1


@app.command()
def resend(
    target: Targets = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send failed notifications again. Each gets one more attempt.

    \b
    kvmtui notify resend
    kvmtui notify resend oncall
    """
    with open_site.changing():
        count = notifications.resend(current_actor("cli", reason), target or ())
        at_work = one_runs()
    sentence = f"{counted(count, 'notifications are')} queued."
    output.done(sentence if count else "No notifications have failed.", as_json, queued=count)
    if count and not at_work:
        output.message("No engine is running. A daemon, a console or the next `kvmtui cron` will send them.")
