"""`kvmtui mail`: what was sent to clients, what waits, and how it looks."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import mail
from engine.actions.mail import send_test
from engine.audit import current_actor
from engine.clock import iso
from engine.counting import counted
from engine.errors import Refused
from engine.mail import template_files
from engine.queries.engines import one_runs
from engine.queries.mail import preview as written
from engine.queries.outbox import outbox as mails
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer(
    help="Test, preview and repeat mails to clients.", rich_markup_mode=None, no_args_is_help=True
)


@app.command()
def test(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="E-mail address.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send a test mail now and print the mail server's answer.

    \b
    kvmtui mail test you@example.com
    """
    with open_site.changing():
        said = send_test(address, current_actor("cli", reason))
    if as_json:
        output.show_json({"address": address, "answer": said})
    else:
        output.write(output.safe(said))


@app.command()
def preview(
    template: Annotated[
        str, typer.Argument(metavar="TEMPLATE", help="welcome, ready, password, restored or changed.")
    ],
    language: Annotated[
        str, typer.Option(metavar="XX", help="Language, such as de; default: the client's, or English.")
    ] = "",
    service: Annotated[
        str,
        typer.Option("--service", "--vm", metavar="REF", help="Use this service's data; default: a sample."),
    ] = "",
    html: Annotated[bool, typer.Option("--html", help="Show the HTML part.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a mail as it would be sent, without the password.

    \b
    kvmtui mail preview ready --language de
    kvmtui mail preview ready --service 5546 --html > ready.html
    """
    with open_site.opened():
        letter = written(template, language, names.service_of(service) if service else None)
    if as_json:
        output.show_json(letter)
        return
    for note in letter.notes:
        output.message(note)
    if html:
        output.write(letter.html.rstrip("\n"))
        return
    output.write(f"Subject: {output.safe(letter.subject)}\n")
    for line in letter.text.splitlines():
        output.write(output.safe(line))


@app.command()
def outbox(
    state: Annotated[
        str,
        typer.Option(
            "--status",
            "--state",
            metavar="STATE",
            help="Only mails in this state: pending, sending, sent, failed, unknown.",
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="Maximum number of entries, newest first.")
    ] = 200,
    as_json: AsJson = False,
) -> None:
    """List the mails, newest first. Each that was not sent has the reason.

    \b
    kvmtui mail outbox --status failed
    """
    with open_site.opened():
        found = mails(state, limit)
    if as_json:
        output.show_json(found)
        return
    rows = (
        (
            m.id,
            m.state,
            m.template,
            m.service_id if m.service_id is not None else "-",
            m.recipient,
            iso(m.sent_at or m.created_at),
            m.attempts,
            m.error or "-",
        )
        for m in found
    )
    heads = ("ID", "State", "Mail", "Service", "To", "Sent or made", "Tries", "Why")
    output.show_table(heads, rows, "There are no mails.")


@app.command()
def retry(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID…]", help="Mail numbers from `mail outbox`.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All failed mails, but not those in state unknown.")
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send failed mails again, and waiting ones at once.

    A mail in state unknown may reach the client twice; it is only sent again if named.

    \b
    kvmtui mail retry 17 18
    kvmtui mail retry --failed
    """
    if bool(ids) == failed:
        raise Refused("Name the mails by their numbers, or give --failed.")
    with open_site.changing():
        actor = current_actor("cli", reason)
        count = mail.retry_failed(actor) if failed else mail.retry(ids or [], actor)
        at_work = one_runs()
    sentence = f"{counted(count, 'mails are')} queued."
    output.done(sentence if count else "No failed mail can be sent again.", as_json, queued=count)
    if count and not at_work:
        output.message("No engine is running; a daemon, a console or the next `kvmtui cron` will send it.")


@app.command()
def templates(
    copy: Annotated[
        list[str] | None,
        typer.Option(
            "--copy", metavar="NAME", help="Copy a shipped template to your folder, such as ready or de."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the mail templates, or copy some to edit. The list shows which are your own.

    \b
    kvmtui mail templates
    kvmtui mail templates --copy ready --copy de
    """
    if copy:
        with open_site.changing():
            copied = template_files.copy_shipped(copy)
        if as_json:
            output.show_json({"copied": [str(path) for path in copied]})
        for path in copied if not as_json else ():
            output.write(str(path))
        return
    with open_site.opened():
        found = template_files.template_files()
    if as_json:
        output.show_json(found)
        return
    rows = ((one.name, "yes" if one.own else "no", one.own or one.shipped) for one in found)
    output.show_table(("File", "Yours", "In use"), rows, "There are no templates.")
