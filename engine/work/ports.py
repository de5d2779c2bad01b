"""Interfaces of what the pipelines call but do not require: DNS records, mail to clients.

Without an implementation the log has a note; the step does not fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.store.models import Vm


@dataclass(frozen=True, slots=True)
class DnsReport:
    """What became of each record, as log lines, and whether something is still pending."""

    lines: tuple[str, ...] = ()
    errors: int = 0


class Names(Protocol):
    """Keeps forward and reverse DNS right. Never raises: what failed is in the report and kept as pending."""

    def sync(self, vm: Vm) -> DnsReport:
        """Make the records of this VM what its name and addresses say, by the smallest change."""
        ...

    def clear(self, vm: Vm) -> DnsReport:
        """Delete every record we wrote for this VM."""
        ...


class Mail(Protocol):
    """Writes a mail into the outbox, inside the caller's transaction; it is sent after the commit."""

    def queue(self, vm: Vm, template: str, key: str, context: Mapping[str, Any]) -> str:
        """Queue one mail; returns the line for the log. The same key never sends twice."""
        ...


class NoNames:
    """Used where no DNS is set up."""

    def sync(self, vm: Vm) -> DnsReport:
        """Says that nothing was written."""
        return DnsReport(("no DNS zone is set up; no records were written",))

    def clear(self, vm: Vm) -> DnsReport:
        """Says that nothing was deleted."""
        return DnsReport()


class NoMail:
    """Used where no mail is to be written."""

    def queue(self, vm: Vm, template: str, key: str, context: Mapping[str, Any]) -> str:
        """Says that nothing was sent."""
        return f"mail is switched off here; the mail '{template}' was not sent"


@dataclass(slots=True)
class Ports:
    """The rooms the pipelines speak with besides Proxmox."""

    names: Names = field(default_factory=NoNames)
    mail: Mail = field(default_factory=NoMail)
