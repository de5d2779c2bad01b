"""One connection to the mail server, and every way it can fail.

Where it failed decides the cause. Until the recipient is named it is the server's or the settings': every mail
would meet it. From then on it is this mail's. And once the last line was sent without an answer, nobody knows.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from engine.errors import Failed
from engine.mail.message import Envelope
from engine.mail.rendering import one_line
from engine.redact import redact
from engine.store.settings import Smtp
from engine.tls import system_context

CONNECT_S = 10.0
ANSWER_S = 30.0
ENDING_S = 120.0  # servers look for spam and viruses before they answer to the last line


class MailErrorKind(StrEnum):
    """`server`: all mails wait; `later`: this one waits; `never`: refused for good; `unknown`: it may have gone."""

    SERVER = "server"
    LATER = "later"
    NEVER = "never"
    UNKNOWN = "unknown"


class MailFault(Failed):
    """A mail did not go, or may not have gone."""

    def __init__(self, kind: MailErrorKind, sentence: str) -> None:
        super().__init__(redact(sentence))
        self.kind = kind


class SmtpConnection:
    """A session with the mail server of these settings: opened on first use, good for several mails."""

    def __init__(self, settings: Smtp) -> None:
        self._settings = settings
        self._where = f"{settings.host}:{settings.port}"
        self._smtp: smtplib.SMTP | None = None

    def open(self) -> str:
        """Connect, encrypt and log in as the settings say; returns the server's own greeting line."""
        with self._server_faults():
            smtp = self._connected()
            self._smtp = smtp
            assert smtp.sock is not None
            smtp.sock.settimeout(ANSWER_S)
            smtp.ehlo_or_helo_if_needed()
            if self._settings.security == "starttls":
                smtp.starttls(context=system_context())
                smtp.ehlo()
            self._log_in(smtp)
            code, said = smtp.noop()
            if code >= 400:
                raise MailFault(
                    MailErrorKind.SERVER, f"The mail server {self._where} says: {code} {_words(said)}."
                )
        return f"{code} {_words(said)}"

    def deliver(self, envelope: Envelope, hand_over: Callable[[], None]) -> str:
        """Give one mail to the server; returns its answer. `hand_over` is called right before the very last line."""
        smtp = self._ready()
        with self._server_faults():
            self._begin(smtp, envelope)
        with self._mail_faults():
            self._address(smtp, envelope)
            smtp.send(envelope.content)
        self._unless_it_fails(hand_over)
        try:
            assert smtp.sock is not None
            smtp.sock.settimeout(ENDING_S)
            smtp.send(b".\r\n")
            code, said = smtp.getreply()
            smtp.sock.settimeout(ANSWER_S)
        except (OSError, smtplib.SMTPException) as error:
            self._hang_up()
            raise MailFault(
                MailErrorKind.UNKNOWN, f"{self._where} did not answer to the end of the mail ({_why(error)})"
            ) from error
        self._check(code, said)
        return f"{code} {_words(said)}"

    def close(self) -> None:
        """Say good-bye if anybody listens, and hang up."""
        smtp, self._smtp = self._smtp, None
        if smtp is None:
            return
        with suppress(OSError, smtplib.SMTPException):
            if smtp.sock is not None:
                smtp.sock.settimeout(2.0)
                smtp.docmd("QUIT")
        smtp.close()

    def _hang_up(self) -> None:
        """Cut the line without a word: inside a mail, words would become part of it."""
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()

    def _unless_it_fails(self, hand_over: Callable[[], None]) -> None:
        """A mail that may not be handed over is never ended: the server throws away what it has of it."""
        try:
            hand_over()
        except BaseException:
            self._hang_up()
            raise

    def _connected(self) -> smtplib.SMTP:
        settings = self._settings
        name = _own_name()
        if settings.security == "tls":
            context = system_context()
            return smtplib.SMTP_SSL(settings.host, settings.port, name, timeout=CONNECT_S, context=context)
        return smtplib.SMTP(settings.host, settings.port, name, timeout=CONNECT_S)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        if self._settings.username:
            smtp.login(self._settings.username, self._settings.password)

    def _ready(self) -> smtplib.SMTP:
        """The open session; one that the server ended is opened again."""
        if self._smtp is not None:
            with suppress(OSError, smtplib.SMTPException):
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            self.close()
        self.open()
        assert self._smtp is not None
        return self._smtp

    def _begin(self, smtp: smtplib.SMTP, envelope: Envelope) -> None:
        if envelope.utf8 and not smtp.has_extn("smtputf8"):
            raise MailFault(
                MailErrorKind.NEVER,
                f"The mail server {self._where} does not accept non-ASCII addresses such as {envelope.recipient}.",
            )
        if envelope.utf8:
            smtp.command_encoding = "utf-8"
        options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.utf8 else []
        code, said = smtp.mail(envelope.sender, options)
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, said, envelope.sender)

    def _address(self, smtp: smtplib.SMTP, envelope: Envelope) -> None:
        code, said = smtp.rcpt(envelope.recipient)
        self._check(code, said)
        code, said = smtp.docmd("DATA")
        self._check(code, said, good=354)

    def _check(self, code: int, said: bytes, good: int = 250) -> None:
        """Sort an answer to this mail; what is no plain yes is later or never."""
        if code == good or (good == 250 and 200 <= code < 300):
            return
        kind = MailErrorKind.NEVER if 500 <= code < 600 else MailErrorKind.LATER
        raise MailFault(kind, f"{self._where} says: {code} {_words(said)}")

    @contextmanager
    def _server_faults(self) -> Iterator[None]:
        """What every mail would meet, as a sentence that says what to do."""
        try:
            yield
        except MailFault:
            self.close()
            raise
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self.close()
            raise MailFault(MailErrorKind.SERVER, self._sentence(error)) from error

    @contextmanager
    def _mail_faults(self) -> Iterator[None]:
        """A line that broke in the middle of a mail: the server has not got its end, so it did not take it."""
        try:
            yield
        except MailFault:
            raise
        except (OSError, smtplib.SMTPException, ValueError) as error:
            self._hang_up()
            raise MailFault(
                MailErrorKind.LATER, f"the connection to {self._where} broke ({_why(error)})"
            ) from error

    def _sentence(self, error: Exception) -> str:
        error = _cause(error)
        where, said = f"The mail server {self._where}", _why(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"{where} shows a certificate that is not trusted: {error.verify_message}. Use the name in its "
                "certificate as the host, or add its CA to the system's (or name it in SSL_CERT_FILE)."
            )
        if isinstance(error, ssl.SSLError):
            advice = "Check port and security: tls is usual at 465, starttls at 587."
            return f"{where} does not speak TLS here ({said}). {advice}"
        if isinstance(error, socket.gaierror):
            return f"Host {self._settings.host} not found ({said}). Check the mail server's name, or the name server."
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return f"{where} refused the login of {self._settings.username}: {said}. Check user name and password."
        if isinstance(error, smtplib.SMTPSenderRefused):
            return f"{where} does not take mails from {self._settings.sender}: {said}"
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return f"{where} does not offer what the settings ask for: {said}. Check its security and login."
        if isinstance(error, TimeoutError):
            return f"{where} does not answer ({said}). Check host and port, and whether a firewall is in between."
        return f"{where} cannot be used: {said}."


def _own_name() -> str:
    """How we greet. The full host name if it is one; no look-up, which could take long."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def _cause(error: Exception) -> Exception:
    """The failure of the connection itself, which smtplib hides behind a closed connection."""
    hidden = error.__context__
    closed = isinstance(error, smtplib.SMTPServerDisconnected)
    return hidden if closed and isinstance(hidden, OSError) else error


def _why(error: Exception) -> str:
    """What went wrong in few words, the server's own where it said something."""
    error = _cause(error)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_words(error.smtp_error)}"
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException) and error.strerror:
        return one_line(str(error.strerror))
    return one_line(str(error)) or type(error).__name__


def _words(said: bytes | str) -> str:
    """The server's words on one line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return one_line(text)[:500]
