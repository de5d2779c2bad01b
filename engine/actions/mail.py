"""What an operator may do about mails: send a test, send a failed one again, ask whether the server answers."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from engine import audit
from engine.actions.permission import needs
from engine.audit import Actor
from engine.clock import now_ms, stamp
from engine.errors import Failed, Refused
from engine.mail.message import envelope, wire_address
from engine.mail.outbox import CHANNEL, NO_SERVER
from engine.mail.rendering import Letter
from engine.mail.smtp import SmtpConnection
from engine.roles import Role
from engine.store.database import in_transaction, session
from engine.store.models import Outbox
from engine.store.settings import Smtp, read
from engine.work import events, wake

_TEST = "This is a test of the mail settings of kvmtui. If you can read it, mails go out."


@needs(Role.OWNER, "send a test mail", whole_site=True)
def send_test(address: str, actor: Actor) -> str:
    """Send a test mail now, past the outbox; returns what the server said, or fails with its words."""
    site = _site()
    letter = Letter("en", "Test of the mail settings", f"{_TEST}\n", f"<p>{_TEST}</p>\n")
    prepared = envelope(letter, str(uuid.uuid4()), site.sender, address)
    connection = SmtpConnection(site)
    try:
        said = connection.deliver(prepared, lambda: None)
    except Failed as fault:
        _audit(actor, "test", address, fault.sentence)
        raise
    finally:
        connection.close()
    _audit(actor, "test", address, "done")
    return f"{site.host}:{site.port} accepted the mail for {wire_address(address)}: {said}"


def ask_server() -> str:
    """Connect, encrypt and log in without sending anything; returns what the server said, or fails."""
    site = _site()
    connection = SmtpConnection(site)
    try:
        return f"{site.host}:{site.port} answers: {connection.open()}"
    finally:
        connection.close()


@needs(Role.OPERATOR, "resend mails", whole_site=True)
def retry(ids: Sequence[int], actor: Actor) -> int:
    """Send failed mails again, and waiting ones at once; all of them or none. Returns how many."""

    def work() -> int:
        rows = {row.id: row for row in Outbox.select().where(Outbox.id.in_(list(ids)))}
        for number in ids:
            _refuse(number, rows.get(number))
        again = {"state": "pending", "attempts": 0, "due_at": now_ms(), "sent_at": None}
        count = int(Outbox.update(again).where(Outbox.id.in_(list(rows))).execute())
        for row in rows.values():
            before, after = {"state": row.state, "error": row.error}, {"state": "pending"}
            audit.record(actor, "retry", "mail", str(row.id), row.recipient, before=before, after=after)
        wake.notify(CHANNEL)
        events.publish("change", data={"kind": "mail", "action": "retry", "count": count})
        return count

    return in_transaction(work)


@needs(Role.OPERATOR, "resend mails", whole_site=True)
def retry_failed(actor: Actor) -> int:
    """Send again every failed mail that can be, save those the mail server may have taken. Returns how many."""
    with session():
        failed = (Outbox.state == "failed") & (Outbox.context != "") & Outbox.sent_at.is_null()
        ids = [row.id for row in Outbox.select(Outbox.id).where(failed)]
    return retry(ids, actor) if ids else 0


def _refuse(number: int, row: Outbox | None) -> None:
    if row is None:
        raise Refused(f"Mail {number} not found. List them: kvmtui mail outbox")
    if row.state == "sent":
        raise Refused(f"Mail {number} was sent at {stamp(row.sent_at or row.due_at)}; mails go out once.")
    if row.state == "sending":
        raise Refused(f"Mail {number} is being sent now. Check again: kvmtui mail outbox")
    if not row.context:
        raise Refused(
            f"Mail {number} cannot be sent again: its content is no longer stored. For a new password mail, run "
            "kvmtui vm password."
        )


def _site() -> Smtp:
    site = read(Smtp)
    if not site.host:
        raise Refused(f"Nothing was sent: {NO_SERVER}.")
    return site


def _audit(actor: Actor, action: str, address: str, result: str) -> None:
    audit.record(actor, action, "mail", "", address, before={}, after={}, result=result)
