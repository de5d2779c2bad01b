"""`kvmtui webhook`: programs that get messages about what happens."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import webhooks
from engine.audit import current_actor
from engine.clock import iso
from engine.errors import Refused
from engine.queries.webhooks import STATES
from engine.queries.webhooks import deliveries as found_of
from engine.queries.webhooks import webhooks as every_webhook
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, Reason, Yes
from kvmtui.terminal.prompts import confirm_name

app = typer.Typer(
    help="Manage webhooks: URLs that events are sent to.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
Number = Annotated[int, typer.Argument(metavar="ID", help="Id of the webhook.")]


@app.command("list")
def list_webhooks(as_json: AsJson = False) -> None:
    """List the webhooks with their state and pending messages.

    \b
    kvmtui webhook list
    """
    with open_site.opened():
        found = every_webhook()
    if as_json:
        output.show_json(found)
        return
    rows = (
        (each.id, each.url, each.events or "every event", each.state, each.pending, each.failed, each.why)
        for each in found
    )
    heads = ("ID", "URL", "Events", "State", "Pending", "Failed", "Why")
    output.show_table(heads, rows, "There are no webhooks yet. Create one with: kvmtui webhook create")


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where messages are sent, such as https://…")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TYPE",
            help="Send this event, such as vm.ready; may be given several times. [default: all]",
        ),
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Allow a private address, or a URL without TLS.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Create a webhook and print its signing secret. It cannot be shown again.

    \b
    kvmtui webhook create https://shop.example/hooks --event vm.ready --event service.terminated
    kvmtui webhook create http://127.0.0.1:9000/hooks --allow-private
    """
    with open_site.changing():
        made = webhooks.create(current_actor("cli", reason), url, event or (), allow_private)
    if as_json:
        output.show_json({"webhook": output.plain(made.webhook), "secret": made.secret})
    else:
        output.write(made.secret)
    output.message(f"Webhook {made.webhook.id} is created. Keep its secret: it is not shown again.")


@app.command()
def delete(webhook: Number, yes: Yes = False, reason: Reason = "", as_json: AsJson = False) -> None:
    """Delete a webhook and its pending messages.

    \b
    kvmtui webhook delete 1 --yes
    """
    with open_site.changing():
        confirm_name(str(webhook), f"Webhook {webhook} and the messages that wait for it are deleted.", yes)
        webhooks.delete(current_actor("cli", reason), webhook)
    output.done(f"Webhook {webhook} was deleted.", as_json, id=webhook)


@app.command()
def resume(webhook: Number, reason: Reason = "", as_json: AsJson = False) -> None:
    """Resume a paused webhook. Its pending messages are sent first.

    \b
    kvmtui webhook resume 1
    """
    with open_site.changing():
        sentence = webhooks.resume(current_actor("cli", reason), webhook)
    output.done(sentence, as_json, id=webhook)


@app.command()
def pause(webhook: Number, reason: Reason = "", as_json: AsJson = False) -> None:
    """Pause a webhook. Its messages wait until it is resumed.

    \b
    kvmtui webhook pause 1
    """
    with open_site.changing():
        sentence = webhooks.pause(current_actor("cli", reason), webhook)
    output.done(sentence, as_json, id=webhook)


@app.command("test")
def send_test(webhook: Number, reason: Reason = "", as_json: AsJson = False) -> None:
    """Send a test message now and print the response. Exit 1: it was rejected.

    \b
    kvmtui webhook test 1
    """
    with open_site.changing():
        said = webhooks.test(current_actor("cli", reason), webhook)
    if as_json:
        output.show_json({"id": webhook, "answer": said})
    else:
        output.write(output.safe(said))


@app.command()
def deliveries(
    webhook: Number,
    state: Annotated[str, typer.Option(metavar="STATE", help="Only pending, sent or failed.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number, newest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List the messages for a webhook, newest first.

    \b
    kvmtui webhook deliveries 1 --state failed
    """
    if state and state not in STATES:
        raise Refused(f"Unknown state '{state}'. Use one of: {', '.join(STATES)}.")
    with open_site.opened():
        found = found_of(webhook, state, limit)
    if as_json:
        output.show_json(found)
        return
    rows = (
        (
            each.id,
            each.type,
            each.service_id,
            each.state,
            each.attempts,
            each.status,
            iso(each.created_at),
            each.error,
        )
        for each in found
    )
    heads = ("ID", "Event", "Service", "State", "Attempts", "HTTP", "Created", "Error")
    output.show_table(heads, rows, "No messages.")


@app.command()
def replay(
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help="Id of the message.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send a message again, with the same webhook-id.

    \b
    kvmtui webhook replay 17
    """
    with open_site.changing():
        sentence = webhooks.replay(current_actor("cli", reason), delivery)
    output.done(sentence, as_json, id=delivery)
