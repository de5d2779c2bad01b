"""A letter becomes the message that goes over the wire: headers that nobody can inject into, text and HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime

import idna

from engine.errors import Refused
from engine.mail.rendering import Letter, one_line

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """What a mail server is given: from whom, to whom, and the bytes with line ends and dots as SMTP wants them."""

    sender: str
    recipient: str
    content: bytes

    @property
    def utf8(self) -> bool:
        """Whether the server must understand addresses that are not ASCII."""
        return not (self.sender.isascii() and self.recipient.isascii())


def envelope(letter: Letter, uid: str, sender: str, recipient: str, name: str = "") -> Envelope:
    """The message of a letter. The same uid always makes the same Message-ID."""
    origin, to = wire_address(sender), wire_address(recipient)
    utf8 = not (origin.isascii() and to.isascii())
    rules = (policy.SMTPUTF8 if utf8 else policy.SMTP).clone(cte_type="7bit")
    message = EmailMessage(policy=rules)
    message["From"] = _shown("", origin)
    message["To"] = _shown(one_line(name)[:_LONGEST_NAME], to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{uid}@{origin.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    message["Content-Language"] = letter.language  # last: setting the content drops such headers
    return Envelope(origin, to, _on_the_wire(message.as_bytes()))


def wire_address(address: str) -> str:
    """The address with its domain as DNS writes it, so that most servers take it."""
    local, _, domain = address.rpartition("@")
    if not local or not domain or one_line(address) != address:
        raise Refused(f"'{one_line(address)}' is not an e-mail address.")
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as error:
        raise Refused(f"The domain of '{one_line(address)}' cannot be written in DNS: {error}.") from error


def _shown(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def _on_the_wire(content: bytes) -> bytes:
    """CRLF at each line's end, a second dot before a leading one, and an end with CRLF."""
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    dotted = re.sub(rb"(?m)^\.", b"..", lines)
    return dotted if dotted.endswith(b"\r\n") else dotted + b"\r\n"
