"""One connection to a real mail server: encryption, certificates, login, and every way it can fail as a sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult

from engine.mail.facts import sample_facts
from engine.mail.message import Envelope, envelope
from engine.mail.rendering import write_letter
from engine.mail.smtp import MailErrorKind, MailFault, SmtpConnection
from engine.store.settings import Smtp
from kvmtui.lab.mailbox import HANG_UP, Mailbox
from tests.mail.conftest import SENDER, Certificates

LOGIN, SECRET = "mailer", "smtp-s3cret"


def to(box: Mailbox | int, **more: Any) -> SmtpConnection:
    """A connection with these settings."""
    port = box if isinstance(box, int) else box.port
    return SmtpConnection(Smtp(**{"host": "127.0.0.1", "port": port, "sender": SENDER, **more}))


def mail(recipient: str = "ops@acme.example") -> Envelope:
    return envelope(write_letter("ready", "en", sample_facts()), "u-1", SENDER, recipient)


def deliver(connection: SmtpConnection, prepared: Envelope | None = None) -> str:
    """Deliver one mail and hang up."""
    try:
        return connection.deliver(prepared or mail(), lambda: None)
    finally:
        connection.close()


def fault(connection: SmtpConnection, prepared: Envelope | None = None) -> MailFault:
    """Deliver one mail, which must fail."""
    with pytest.raises(MailFault) as failed:
        deliver(connection, prepared)
    assert "\n" not in failed.value.sentence and SECRET not in failed.value.sentence
    return failed.value


def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    """The login that this server knows."""
    known = (data.login, data.password) == (LOGIN.encode(), SECRET.encode())
    return AuthResult(success=known, handled=False)


@contextmanager
def answering(*lines: bytes) -> Iterator[int]:
    """Something that says these lines to whoever connects, one per line it hears, and nothing after them."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line, line.makefile("rb") as heard:
            for said in lines:
                line.sendall(said)
                if not heard.readline():
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    thread.join(10)
    listener.close()


def test_plain_and_several_mails_over_one_connection() -> None:
    with Mailbox() as box:
        connection = to(box)
        assert connection.deliver(mail(), lambda: None) == "250 2.0.0 kept"
        box.answer_next("RCPT", "550 no such user")
        with pytest.raises(MailFault):
            connection.deliver(mail(), lambda: None)
        connection.deliver(mail("second@acme.example"), lambda: None)
        connection.close()
        assert [one.recipients[0] for one in box.received] == ["ops@acme.example", "second@acme.example"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_starttls_with_a_trusted_certificate(trusted: Certificates, host: str) -> None:
    with Mailbox(tls_context=trusted.context(), require_starttls=True) as box:
        deliver(to(box, security="starttls", host=host))
        assert len(box.received) == 1
        without = fault(to(box, security="none"))
        assert without.kind is MailErrorKind.SERVER and "STARTTLS" in without.sentence
        assert len(box.received) == 1


def test_tls_from_the_first_byte_with_a_trusted_certificate(trusted: Certificates) -> None:
    with Mailbox(tls=trusted.context()) as box:
        deliver(to(box, security="tls"))
        assert len(box.received) == 1


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(certificates: Certificates, security: str) -> None:
    context = certificates.context()
    options = {"tls": context} if security == "tls" else {"tls_context": context}
    with Mailbox(**options) as box:
        why = fault(to(box, security=security, username=LOGIN, password=SECRET))
        assert why.kind is MailErrorKind.SERVER and "certificate that is not trusted" in why.sentence
        assert box.received == []


def test_a_certificate_for_another_name_is_refused(
    trusted: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))
    with Mailbox(tls=trusted.context()) as box:
        why = fault(to(box, security="tls", host="mail.example.com"))
        assert "certificate that is not trusted" in why.sentence and "mail.example.com" in why.sentence
        assert box.received == []


def test_a_login_that_is_right_and_one_that_is_not(trusted: Certificates) -> None:
    with Mailbox(tls_context=trusted.context(), auth_required=True, authenticator=check) as box:
        deliver(to(box, security="starttls", username=LOGIN, password=SECRET))
        wrong = fault(to(box, security="starttls", username=LOGIN, password="other"))
        assert wrong.kind is MailErrorKind.SERVER and "refused the login of mailer" in wrong.sentence
        without = fault(to(box, security="starttls"))
        assert without.kind is MailErrorKind.SERVER and "530" in without.sentence
        assert len(box.received) == 1


def test_what_the_server_does_not_offer_is_reported() -> None:
    with Mailbox() as box:
        why = fault(to(box, security="starttls"))
        assert why.kind is MailErrorKind.SERVER and "STARTTLS" in why.sentence and "security" in why.sentence
        why = fault(to(box, security="tls"))
        assert why.kind is MailErrorKind.SERVER and "does not speak TLS here" in why.sentence
        why = fault(to(box, username=LOGIN, password=SECRET))
        assert why.kind is MailErrorKind.SERVER and "does not offer" in why.sentence
        assert box.received == []


def test_a_server_without_letters_beyond_ascii_refuses_such_an_address_for_good() -> None:
    with Mailbox(enable_SMTPUTF8=False) as box:
        assert fault(to(box), mail("пошта@acme.example")).kind is MailErrorKind.NEVER
        assert box.received == []


@pytest.mark.parametrize(
    ("command", "answer", "kind"),
    [
        ("MAIL", "550 we do not know you", MailErrorKind.SERVER),
        ("MAIL", "451 busy", MailErrorKind.SERVER),
        ("RCPT", "550 no such user", MailErrorKind.NEVER),
        ("RCPT", "450 greylisted", MailErrorKind.LATER),
        ("RCPT", HANG_UP, MailErrorKind.LATER),
        ("DATA", "554 looks like spam", MailErrorKind.NEVER),
        ("DATA", "452 full", MailErrorKind.LATER),
        ("DATA", HANG_UP, MailErrorKind.UNKNOWN),
    ],
)
def test_where_it_fails_decides_what_is_known(command: str, answer: str, kind: MailErrorKind) -> None:
    with Mailbox() as box:
        box.answer_next(command, answer)
        why = fault(to(box))
        assert why.kind is kind and (answer in why.sentence)


def test_a_mail_that_may_not_be_handed_over_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.mail.smtp.ANSWER_S", 3600.0)  # a word inside a mail gets no answer

    def not_mine() -> None:
        raise LookupError

    with Mailbox() as box:
        connection = to(box)
        with pytest.raises(LookupError):
            connection.deliver(mail(), not_mine)
        connection.deliver(mail("second@acme.example"), lambda: None)
        connection.close()
        assert [one.recipients[0] for one in box.received] == ["second@acme.example"]


def test_nobody_listens_or_it_is_no_mail_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    why = fault(to(port))
    assert (
        why.kind is MailErrorKind.SERVER and f"127.0.0.1:{port}" in why.sentence and "refused" in why.sentence
    )
    for lines in [
        (b"SSH-2.0-OpenSSH\r\n",),
        (b"554 go away\r\n",),
        (b"220 hello\r\n", b"500 what\r\n" * 2),
        (),
    ]:
        with answering(*lines) as port:
            assert fault(to(port)).kind is MailErrorKind.SERVER, lines


def test_a_server_that_says_nothing_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.mail.smtp.CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        why = fault(to(silent.getsockname()[1]))
    assert why.kind is MailErrorKind.SERVER and "does not answer" in why.sentence


def test_what_the_server_says_cannot_steer_a_terminal() -> None:
    with answering(b"220 hi\r\n", b"250 hi\r\n", b"250 hi\r\n", b"550 \x1b[2J\x07 no\r\n") as port:
        assert "\x1b" not in fault(to(port)).sentence
