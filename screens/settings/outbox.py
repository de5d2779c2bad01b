"""The mails to clients: which went, which wait, which did not go and why; enter sends one of those again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from textual.app import App
from textual.widget import Widget

from engine.actions.mail import retry
from engine.audit import Actor
from engine.queries.outbox import MailView, outbox
from screens.common.times import at
from screens.framework.live_rows import FreshRows
from screens.framework.save_dialog import error_text
from screens.widgets.dialogs import Confirm, Dialog, Notice
from screens.widgets.listing import Listing
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.table import Table

NEWEST = 1_000
COLUMNS = (
    Column("id", "ID", 5, right=True),
    Column("state", "State", 10),
    Column("mail", "Mail", 9),
    Column("service", "Service", 7, 3, right=True),
    Column("to", "To", 16, 2, grow=True),
    Column("at", "Sent or made (UTC)", 19, 4),
    Column("why", "Why", 26, grow=True),
)
_STATES = {
    "pending": ("> waits", "busy"),
    "sending": ("> goes", "busy"),
    "sent": ("+ sent", "ok"),
    "failed": ("- failed", "error"),
    "unknown": ("~ unknown", "warn"),
}


class OutboxList(Dialog[MailView]):
    """The newest mails; answers with the one to look at."""

    AUTO_FOCUS = "Table"

    def __init__(self) -> None:
        super().__init__(
            "Mails to clients", "enter opens · / filters · s sorts · ^t reads again · esc closes"
        )
        self._known: dict[int, MailView] = {}
        self._table = Table(COLUMNS, noun="mails", empty="No mail was written yet.")

    def body(self) -> Iterable[Widget]:
        yield Listing(self._table)

    def on_mount(self) -> None:
        self._table.show(FreshRows(self._rows, COLUMNS))

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        found = self._known.get(message.key) if isinstance(message.key, int) else None
        if found is not None:
            self.dismiss(found)

    def _rows(self) -> Sequence[TableRow]:
        self._known = {each.id: each for each in outbox(limit=NEWEST)}
        return [_row(each) for each in self._known.values()]


def _row(each: MailView) -> TableRow:
    """A mail as a line of the list."""
    service = "—" if each.service_id is None else str(each.service_id)
    when = at(each.sent_at or each.created_at)
    state = Cell(*_STATES[each.state])
    return TableRow(
        each.id, (str(each.id), state, each.template, service, each.recipient, when, each.error or "—")
    )


async def show_outbox(app: App[int], actor: Actor, read_only: bool) -> None:
    """Shows the mails, one after the other, until the operator leaves; one that did not go may be sent again."""
    while (chosen := await app.push_screen_wait(OutboxList())) is not None:
        title = f"Mail {chosen.id}: '{chosen.template}' to {chosen.recipient}"
        if read_only or chosen.state in ("sent", "sending"):
            await app.push_screen_wait(Notice(title, _description(chosen), danger=chosen.state == "failed"))
            continue
        question = Confirm(title, _description(chosen), yes="Send it again", danger=chosen.state == "unknown")
        if await app.push_screen_wait(question):
            said = await asyncio.to_thread(_again, chosen.id, actor)
            app.notify(said, markup=False)


def _description(each: MailView) -> str:
    """Everything that is known about a mail, line by line."""
    lines = [
        f"Made {at(each.created_at)} in the language {each.language}; attempts so far: {each.attempts}.",
        f"Sent {at(each.sent_at)}." if each.sent_at else "",
        f"Next try {at(each.due_at)}." if each.due_at else "",
        f"Message-ID {each.message_id}" if each.message_id else "",
        each.error,
        "Sent again, it may reach the client twice." if each.state == "unknown" else "",
    ]
    return "\n".join(line for line in lines if line)


def _again(number: int, actor: Actor) -> str:
    """Puts a mail among those that are due, or says why it cannot."""
    try:
        retry([number], actor)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
        return error_text(error)
    return f"Mail {number} is sent again."
