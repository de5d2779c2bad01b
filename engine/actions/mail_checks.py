"""What `doctor` asks about mail: does the server take them, do the templates work, does any mail need an operator."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from engine.actions.mail import ask_server
from engine.clock import iso
from engine.errors import KvmtuiError
from engine.mail.facts import TEMPLATES, sample_facts
from engine.mail.languages import FALLBACK, languages
from engine.mail.rendering import write_letter
from engine.proxmox.checks import CheckResult, ServerCheck
from engine.queries.outbox import MailView, mail_counts, unsent_mails
from engine.store.database import session
from engine.store.models import Client
from engine.store.settings import Smtp, read

_NAMED = 5


def mail_checks() -> list[ServerCheck]:
    """Mail server, templates and outbox; nothing is sent."""
    return [_server(), *_in_clear(), _templates(), _outbox()]


def _server() -> ServerCheck:
    if not read(Smtp).host:
        fix = "set one in Settings, smtp, or in a manifest under settings.smtp"
        return ServerCheck("server", CheckResult.WARN, "No mail server is set up; clients get no mails.", fix)
    try:
        return ServerCheck("server", CheckResult.OK, ask_server())
    except KvmtuiError as error:
        return ServerCheck(
            "server", CheckResult.FAIL, error.sentence, "Settings, smtp; then: kvmtui mail test ADDRESS"
        )


def _in_clear() -> Iterator[ServerCheck]:
    """Mails hold passwords; on a line that others may hear they want encryption."""
    site = read(Smtp)
    if site.host and site.security == "none" and not _is_here(site.host):
        yield ServerCheck(
            "encryption",
            CheckResult.WARN,
            f"Mails with passwords go to {site.host} in clear.",
            "set security to starttls or tls",
        )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _templates() -> ServerCheck:
    """Write every mail in every language that clients have or the operator has written."""
    notes: dict[str, None] = {}
    for language in _languages():
        for template in TEMPLATES:
            notes |= dict.fromkeys(write_letter(template, language, sample_facts()).notes)
    if not notes:
        return ServerCheck("templates", CheckResult.OK, "Every mail can be written.")
    return ServerCheck(
        "templates", CheckResult.WARN, "; ".join(notes), "fix the file, then: kvmtui mail preview TEMPLATE"
    )


def _languages() -> list[str]:
    with session():
        spoken = {row.language for row in Client.select(Client.language).distinct()}
    return sorted({FALLBACK, *spoken, *(one.language for one in languages(own_only=True))} - {""})


def _outbox() -> ServerCheck:
    found, counts = unsent_mails(), mail_counts()
    if not found:
        waits = f"{counts.pending + counts.sending} wait" if counts.pending + counts.sending else "none waits"
        return ServerCheck("outbox", CheckResult.OK, f"No mail needs an operator; {waits}.")
    named = "; ".join(map(_named, found[:_NAMED]))
    more = "; and more" if len(found) > _NAMED else ""
    fix = "kvmtui mail outbox, then kvmtui mail retry ID or kvmtui mail retry --failed"
    return ServerCheck("outbox", CheckResult.WARN, f"Mails that did not go: {named}{more}", fix)


def _named(one: MailView) -> str:
    how = "waits" if one.state == "pending" else "failed" if one.state == "failed" else "may have gone"
    why = one.error or "not tried yet"
    return f"{one.id} '{one.template}' to {one.recipient} {how} since {iso(one.created_at)}: {why}"
