"""The bytes that go over the wire: headers nobody can inject into, dots, and addresses of every alphabet."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.mail.facts import sample_facts
from engine.mail.message import envelope
from engine.mail.rendering import Letter, write_letter
from engine.mail.smtp import SmtpConnection
from engine.store.settings import Smtp
from kvmtui.lab.mailbox import Mailbox

HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language", "MIME-Version",
           "Content-Type"]  # fmt: skip


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_a_mail_has_both_parts_and_the_headers_of_automatic_mail() -> None:
    letter = write_letter("ready", "pl", sample_facts())
    made = envelope(letter, "u-1", "noc@example.com", "ops@acme.example", "Żółta Łódź")
    message = parsed(made.content)
    assert sorted(message.keys()) == sorted(HEADERS)
    assert message["To"] == "Żółta Łódź <ops@acme.example>" and message["From"] == "noc@example.com"
    assert message["Subject"] == letter.subject and message["Message-ID"] == "<u-1@example.com>"
    assert (message["Auto-Submitted"], message["Content-Language"]) == ("auto-generated", "pl")
    assert text_of(message).replace("\r\n", "\n") == letter.text
    assert '<html lang="pl"' in text_of(message, "html")
    assert made.content.isascii() and all(len(line) < 998 for line in made.content.split(b"\r\n"))
    assert b"\n" not in made.content.replace(b"\r\n", b"") and b"\r" not in made.content.replace(b"\r\n", b"")


@given(name=st.text(max_size=80), subject=st.text(max_size=80), body=st.text(max_size=200))
def test_no_text_makes_a_header_or_ends_a_mail(name: str, subject: str, body: str) -> None:
    facts = {**sample_facts(), "client": name, "domain": subject or "x", "username": body}
    letter = write_letter("ready", "en", facts)
    made = envelope(letter, "u-1", "noc@example.com", "ops@acme.example", name)
    assert sorted(parsed(made.content).keys()) == sorted(HEADERS)
    assert b"\r\n.\r\n" not in made.content and made.content.endswith(b"\r\n")


def test_lines_that_begin_with_a_dot_arrive_as_they_were() -> None:
    body = ".\n..\n.hidden\r\nend\rof it\n"
    letter = Letter("en", "Dots", body, "<p>.</p>\n.\n")
    with Mailbox() as box:
        connection = SmtpConnection(Smtp(host="127.0.0.1", port=box.port, sender="noc@example.com"))
        connection.deliver(envelope(letter, "u-1", "noc@example.com", "a@b.example"), lambda: None)
        connection.close()
    (mail,) = box.received
    assert text_of(mail.message).splitlines() == [".", "..", ".hidden", "end", "of it"]


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ops@acme.example", "ops@acme.example"),
        ("ops@müller.example", "ops@xn--mller-kva.example"),
        ("пошта@acme.example", "пошта@acme.example"),
    ],
)
def test_addresses_of_every_alphabet_arrive(address: str, wire: str) -> None:
    with Mailbox() as box:
        connection = SmtpConnection(Smtp(host="127.0.0.1", port=box.port, sender="noc@example.com"))
        letter = write_letter("ready", "uk", sample_facts())
        connection.deliver(envelope(letter, "u-1", "noc@example.com", address, "Пошта"), lambda: None)
        connection.close()
    (mail,) = box.received
    assert mail.recipients == (wire,)
    assert mail.message["To"].addresses[0].addr_spec == wire
    assert text_of(mail.message).splitlines() == letter.text.splitlines()


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@", "@b", "a@b.example\r\nRCPT TO:<x@y.z>", "a@" + "ü" * 80]
)
def test_what_is_no_address_is_refused_with_a_sentence(address: str) -> None:
    with pytest.raises(Refused) as refused:
        envelope(Letter("en", "s", "t\n", "h\n"), "u", "noc@example.com", address)
    assert "\n" not in refused.value.sentence
