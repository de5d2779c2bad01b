"""From the outbox to the mailbox: once, whatever happens, and with nothing kept of what it said."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from engine.actions.mail import retry, retry_failed
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.mail import claims
from engine.mail.delivery import Round
from engine.mail.sender import Sender
from engine.queries.outbox import count_unsent, mail_counts, outbox, unsent_mails
from engine.store.database import in_transaction
from engine.store.models import Audit, Event, Outbox
from engine.work import events
from kvmtui.lab.mailbox import HANG_UP, Mailbox
from tests.mail.conftest import PASSWORD, SENDER, Site

ACTOR = Actor("tester")


class Holding(Mailbox):
    """Keeps its answer to the mail back until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.has_it, self.let_go = threading.Event(), threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        self.has_it.set()
        while not self.let_go.is_set():
            await asyncio.sleep(0.01)
        return answer


@contextmanager
def sender_process(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """One that looks at the outbox once."""
    command = [sys.executable, "-m", "tests.mail.sendproc", site.store.url, str(site.store.key_file)]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def said() -> str:
    """All event lines so far."""
    return "\n".join(row.text for row in Event.select().order_by(Event.id))


def test_a_mail_is_sent_and_nothing_of_what_it_said_is_kept(
    any_site: Site, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    any_site.use(box)
    assert any_site.queue() == "mail 'ready' queued for ops@acme.example"
    assert PASSWORD not in any_site.row().context
    any_site.send()
    (mail,) = box.received
    assert (mail.sender, mail.recipients) == (SENDER, ("ops@acme.example",))
    assert f"Password: {PASSWORD}" in mail.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    row = any_site.row()
    assert (row.state, row.context, row.error, row.attempts) == ("sent", "", "", 1)
    assert mail.message["Message-ID"] == f"<{row.uid}@example.com>" == outbox()[0].message_id
    assert "'ready' to ops@acme.example: sent (250 2.0.0 kept)" in said()
    assert PASSWORD not in caplog.text + said() + str(list(Outbox.select().dicts()))
    any_site.due()
    any_site.send()
    assert len(box.received) == 1 and mail_counts().sent == 1


def test_the_same_key_is_queued_once_and_only_with_its_transaction(any_site: Site, box: Mailbox) -> None:
    any_site.use(box)

    def fails() -> None:
        any_site.queue()
        raise LookupError

    with pytest.raises(LookupError):
        in_transaction(fails)
    assert Outbox.select().count() == 0
    for _ in range(3):
        any_site.queue()
    any_site.queue(key="ready:2")
    any_site.send()
    any_site.queue()  # the same step once more, after it was sent
    any_site.send()
    assert len(box.received) == Outbox.select().count() == 2


def test_nothing_is_queued_that_could_not_be_sent(site: Site) -> None:
    assert "no mail server is set up" in site.queue()
    site.use(25)
    site.vm.service.client.email = ""
    assert "client Acme has no e-mail address" in site.queue()
    assert Outbox.select().count() == 0


def test_a_mail_that_is_put_off_is_tried_again_with_growing_pauses(any_site: Site, box: Mailbox) -> None:
    any_site.use(box)
    any_site.queue()
    box.answer_next("RCPT", "450 4.7.1 greylisted", "451 busy")
    pauses = []
    for _ in range(2):
        any_site.send()
        row = any_site.row()
        pauses.append((row.due_at - now_ms()) / 60_000)
        assert row.state == "pending" and row.context
        any_site.send()  # before it is due nobody tries it
        any_site.due()
    assert pauses == [pytest.approx(1, abs=0.2), pytest.approx(2, abs=0.2)]
    assert "retrying in 1 min: 127.0.0.1" in said() and "450 4.7.1 greylisted" in said()
    any_site.send()
    assert (any_site.row().state, any_site.row().attempts, len(box.received)) == ("sent", 3, 1)


def test_the_pauses_add_up_to_a_day_and_then_it_is_given_up(site: Site, box: Mailbox) -> None:
    total = sum(claims.pause_minutes(attempt) for attempt in range(1, claims.MOST_TRIES))
    assert 20 * 60 < total < 26 * 60
    site.use(box)
    site.queue()
    Outbox.update(attempts=claims.MOST_TRIES - 1).execute()
    box.answer_next("RCPT", "450 greylisted")
    site.send()
    assert site.row().state == "failed"
    assert site.row().error.startswith(f"given up after {claims.MOST_TRIES} attempts: 127.0.0.1")


def test_a_mail_that_is_refused_for_good_failed_and_can_be_sent_again(site: Site, box: Mailbox) -> None:
    site.use(box)
    site.queue()
    box.answer_next("DATA", "554 5.7.1 looks like spam")
    site.send()
    row = site.row()
    assert row.state == "failed" and row.error == f"127.0.0.1:{box.port} says: 554 5.7.1 looks like spam"
    site.due()
    site.send()
    assert box.received == [] and [one.state for one in unsent_mails()] == ["failed"]
    assert retry_failed(ACTOR) == 1
    site.send()
    assert site.row().state == "sent" and len(box.received) == 1 and count_unsent() == 0
    audit = Audit.get()
    assert (audit.action, audit.kind, audit.object_name) == ("retry", "mail", "ops@acme.example")
    with pytest.raises(Refused, match="mails go out once"):
        retry([row.id], ACTOR)


def test_when_the_answer_to_the_whole_mail_is_missing_nobody_sends_it_again(
    any_site: Site, box: Mailbox
) -> None:
    any_site.use(box)
    any_site.queue()
    box.answer_next("DATA", HANG_UP)
    any_site.send()
    row = any_site.row()
    assert row.state == "failed" and "not known whether the mail server accepted it" in row.error
    assert row.uid in row.error and f"kvmtui mail retry {row.id}" in row.error
    any_site.due()
    any_site.send()
    assert retry_failed(ACTOR) == 0  # only by its number, by somebody who has looked
    any_site.send()
    assert len(box.received) == 1
    (view,) = outbox("unknown")
    assert view.state == "unknown" and outbox("failed") == [] and mail_counts().unknown == 1
    retry([row.id], ACTOR)
    any_site.send()
    assert any_site.row().state == "sent" and len(box.received) == 2
    assert len({mail.message["Message-ID"] for mail in box.received}) == 1


def test_while_the_server_is_away_mails_wait_without_being_counted(site: Site, box: Mailbox) -> None:
    site.use(1)
    site.queue()
    site.queue(key="ready:2")
    one = Round()
    pause = one.send_due()
    assert 3 < pause <= 5.5
    one.send_due()
    assert {(row.state, row.attempts) for row in Outbox.select()} == {("pending", 0)}
    assert said().count("mails wait: The mail server 127.0.0.1:1") == 1
    site.use(box)  # other settings are tried at once
    one.send_due()
    assert len(box.received) == 2 and mail_counts().sent == 2


def test_after_an_outage_it_says_that_mails_go_again(
    site: Site, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.mail.delivery._PAUSES_S", (0.0,))
    site.use(box)
    site.queue()
    box.answer_next("MAIL", "451 out of order")
    one = Round()
    one.send_due()
    assert box.received == []
    one.send_due()
    assert len(box.received) == 1 and "127.0.0.1 accepts mails again" in said()


def test_a_clock_that_is_set_back_makes_no_pause_longer(
    site: Site, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.mail.delivery._PAUSES_S", (0.1,))
    site.use(box)
    site.queue()
    box.answer_next("MAIL", "451 out of order")
    one = Round()
    one.send_due()
    Outbox.update(due_at=0).execute()
    monkeypatch.setattr("engine.mail.delivery.now_ms", lambda: now_ms() - 3_600_000)
    time.sleep(0.15)
    one.send_due()
    assert len(box.received) == 1


def test_one_mail_that_cannot_be_written_does_not_hold_the_others(site: Site, box: Mailbox) -> None:
    site.use(box)
    for key in ("a", "b", "c"):
        site.queue(key=key)
    Outbox.update(context="k:AAAA").where(Outbox.key == "a").execute()
    Outbox.update(recipient="nonsense").where(Outbox.key == "b").execute()
    site.send()
    rows = {row.key: row for row in Outbox.select()}
    assert (rows["a"].state, rows["b"].state, rows["c"].state) == ("failed", "failed", "sent")
    assert "secret" in rows["a"].error and "is not an e-mail address" in rows["b"].error


def test_a_broken_template_is_reported_and_the_mail_goes(site: Site, box: Mailbox, own_folder: Any) -> None:
    (own_folder / "ready.html").write_text("{{ missing }}")
    site.use(box)
    site.queue()
    site.send()
    assert len(box.received) == 1 and site.row().state == "sent"
    assert "ready" in said() and "is undefined" in said() and "the shipped one goes out instead" in said()


def test_what_a_mail_says_is_wiped_after_a_week_whatever_became_of_it(site: Site) -> None:
    site.use(1)
    for key, state in (("a", "failed"), ("b", "pending"), ("c", "failed"), ("d", "pending")):
        site.queue(key=key)
        Outbox.update(state=state, error="busy").where(Outbox.key == key).execute()
    Outbox.update(created_at=now_ms() - claims.KEPT_MS - 1).where(Outbox.key.in_(("a", "b"))).execute()
    site.send()
    rows = {row.key: row for row in Outbox.select()}
    assert [rows[key].state for key in "abcd"] == ["failed", "failed", "failed", "pending"]
    assert [bool(rows[key].context) for key in "abcd"] == [False, False, True, True]
    assert rows["b"].error.startswith("given up after 7 days") and rows["b"].error.endswith("busy")
    with pytest.raises(Refused, match="no longer stored"):
        retry([rows["a"].id], ACTOR)


def test_several_senders_at_once_send_each_mail_once(any_site: Site, box: Mailbox) -> None:
    any_site.use(box)
    for number in range(40):
        any_site.queue(key=f"k{number}", domain=f"vm-{number}.example.com")
    senders = [Sender() for _ in range(4)]
    for sender in senders:
        sender.start()
    assert all(sender.finish(30) for sender in senders)
    subjects = Counter(mail.message["Subject"] for mail in box.received)
    assert len(subjects) == 40 and set(subjects.values()) == {1}
    assert mail_counts().sent == 40


def test_senders_in_several_processes_send_each_mail_once(any_site: Site, box: Mailbox) -> None:
    any_site.use(box)
    for number in range(20):
        any_site.queue(key=f"k{number}")
    with sender_process(any_site) as first, sender_process(any_site) as second:
        any_site.send()
        assert (first.wait(30), second.wait(30)) == (0, 0)
    assert len(box.received) == len({mail.message["Message-ID"] for mail in box.received}) == 20


def test_killed_after_the_server_has_the_mail_it_is_never_sent_again(any_site: Site) -> None:
    with Holding() as box:
        any_site.use(box)
        any_site.queue()
        with sender_process(any_site) as process:
            assert box.has_it.wait(30)
            process.kill()
            process.wait(10)
        box.let_go.set()
        any_site.send()
        assert any_site.row().state == "sending"  # whether that engine is alive is not known yet
        any_site.due()
        assert claims.claim() is None  # nor may anybody send it
        any_site.send()
        row = any_site.row()
        assert row.state == "failed" and "ended at that moment" in row.error
        assert outbox()[0].state == "unknown" and len(box.received) == 1


def test_killed_before_that_it_is_sent_by_the_next_engine(any_site: Site) -> None:
    with Holding() as box:

        async def stuck(*arguments: Any) -> str:
            box.has_it.set()
            while not box.let_go.is_set():
                await asyncio.sleep(0.01)
            return "250 OK"

        usual, box.handle_RCPT = box.handle_RCPT, stuck  # type: ignore[method-assign]
        any_site.use(box)
        any_site.queue()
        with sender_process(any_site) as process:
            assert box.has_it.wait(30)
            process.kill()
            process.wait(10)
        box.handle_RCPT = usual  # type: ignore[method-assign]
        box.let_go.set()
        any_site.send()
        assert box.received == []  # its lease holds
        any_site.due()
        any_site.send()
        assert (any_site.row().state, any_site.row().attempts, len(box.received)) == ("sent", 2, 1)


def test_who_lost_its_mail_to_another_does_not_end_it(site: Site, box: Mailbox) -> None:
    site.use(box)
    site.queue()

    class Slow(Round):
        def _hand_over(self, claimed: Any) -> None:
            site.due()
            Round().send_due()  # another engine thinks this one is gone
            super()._hand_over(claimed)

    Slow().send_due()
    assert len(box.received) == 1 and (site.row().state, site.row().attempts) == ("sent", 2)


def test_a_running_sender_is_woken_up(site: Site, box: Mailbox) -> None:
    site.use(box)
    sender = Sender()
    sender.start()
    follower = events.Follower()
    site.queue()
    assert any("sent (250" in event.text for event in follower.wait(10))
    assert sender.stop(10)
    site.queue(key="ready:2")
    follower.close()
    assert len(box.received) == 1


def test_a_sender_that_ends_waits_for_the_answer_to_its_last_mail(site: Site) -> None:
    with Holding() as box:
        site.use(box)
        site.queue()
        sender = Sender()
        sender.start()
        assert box.has_it.wait(10)
        threading.Timer(0.2, box.let_go.set).start()
        assert sender.stop(0.01)
        assert site.row().state == "sent"
