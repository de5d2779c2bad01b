"""HestiaCP's DNS commands: positional arguments in, exit code and text out."""

from __future__ import annotations

import ipaddress
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

TYPES = frozenset({"A", "AAAA", "NS", "CNAME", "MX", "TXT", "SRV", "PTR", "CAA", "TLSA"})
FIRST_RECORDS = (
    ("@", "NS", "ns1.example.net."),
    ("@", "NS", "ns2.example.net."),
    ("ns1", "A", "192.0.2.1"),
)
POINTS = frozenset({"CNAME", "NS", "MX", "SRV", "PTR"})
_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
_RECORD = re.compile(r"[\w.*@-]+")
_STAMP = {"TIME": "10:00:00", "DATE": "2026-01-01"}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended and what it printed."""

    code: int = 0
    text: str = ""
    is_json: bool = False


class Exit(Exception):
    """A command that stops with a code and a message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(slots=True)
class FakeDomain:
    """A zone as the panel keeps it: lines of records, of which two may carry one id."""

    rows: list[dict[str, str]] = field(default_factory=list)
    suspended: bool = False


@dataclass(slots=True)
class Panel:
    """Users with their zones; `race_window` opens the gap in which parallel adds lose each other."""

    users: dict[str, dict[str, FakeDomain]] = field(default_factory=dict)
    most_records: int = 10_000
    dns_installed: bool = True
    race_window: float = 0.0
    restarts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_zone(self, user: str, name: str) -> None:
        """Creates a zone with two name servers and one address."""
        domain = FakeDomain()
        for at, (label, kind, value) in enumerate(FIRST_RECORDS, start=1):
            domain.rows.append(_row(label, kind, value, "", str(at), "14400"))
        self.users.setdefault(user, {})[name] = domain

    def rows(self, zone: str) -> list[dict[str, str]]:
        """The lines of a zone, whoever owns it."""
        with self.lock:
            return [dict(row) for zones in self.users.values() if zone in zones for row in zones[zone].rows]

    def domain(self, user: str, name: str) -> tuple[str, FakeDomain]:
        """A user's zone; stops the command when there is none."""
        if user not in self.users:
            raise Exit(3, f"user {user} doesn't exist")
        plain = name.lower().rstrip(".").removeprefix("www.")
        if not _DOMAIN.fullmatch(plain):
            raise Exit(2, f"invalid domain format :: {name}")
        if plain not in self.users[user]:
            raise Exit(3, f"dns domain {plain} doesn't exist")
        return plain, self.users[user][plain]


def _row(label: str, kind: str, value: str, priority: str, row_id: str, ttl: str) -> dict[str, str]:
    return {
        "RECORD": label,
        "TYPE": kind,
        "PRIORITY": priority if kind in ("MX", "SRV") else "",
        "VALUE": value,
        "ID": row_id,
        "SUSPENDED": "no",
        **_STAMP,
        "TTL": ttl,
    }


def _list_domains(panel: Panel, user: str, form: str = "json") -> CommandResult:
    if user not in panel.users:
        raise Exit(3, f"user {user} doesn't exist")
    return _as_json({name: _facts(domain) for name, domain in panel.users[user].items()})


def _list_domain(panel: Panel, user: str, name: str, form: str = "json") -> CommandResult:
    plain, domain = panel.domain(user, name)
    return _as_json({plain: _facts(domain)})


def _facts(domain: FakeDomain) -> dict[str, str]:
    return {
        "IP": "192.0.2.1",
        "TPL": "default",
        "TTL": "14400",
        "EXP": "2027-01-01",
        "SOA": "ns1.example.net",
        "SERIAL": "3000000000",
        "DNSSEC": "no",
        "SRC": "",
        "RECORDS": str(len(domain.rows)),
        "SUSPENDED": "yes" if domain.suspended else "no",
        **_STAMP,
    }


def _owner(panel: Panel, name: str, kind: str = "dns") -> CommandResult:
    for user, zones in panel.users.items():
        if name in zones:
            return CommandResult(0, user)
    raise Exit(3, "")


def _list_records(panel: Panel, user: str, name: str, form: str = "json") -> CommandResult:
    _, domain = panel.domain(user, name)
    # One key per id: of two lines with the same id, the later one hides the other.
    return _as_json({row["ID"]: row for row in sorted(domain.rows, key=lambda row: int(row["ID"]))})


def _as_json(content: dict[str, dict[str, str]]) -> CommandResult:
    return CommandResult(0, json.dumps(content, indent=4) + "\n", is_json=True)


def _add(
    panel: Panel,
    user: str,
    name: str,
    label: str,
    kind: str,
    value: str,
    priority: str = "",
    row_id: str = "",
    restart: str = "",
    ttl: str = "",
) -> CommandResult:
    if not panel.dns_installed:
        raise Exit(11, "DNS_SYSTEM is not enabled")
    plain, domain = panel.domain(user, name)
    if domain.suspended:
        raise Exit(5, f"dns {plain} is suspended")
    if len(domain.rows) >= panel.most_records:
        raise Exit(8, "DNS_RECORDS limit is reached :: upgrade user package")
    label, kind, value = _checked(label, kind, value, ttl)
    if row_id and any(row["ID"] == row_id for row in domain.rows):
        raise Exit(4, f"ID={row_id} already exists")
    new_id = row_id or str(max((int(row["ID"]) for row in domain.rows), default=0) + 1)
    if panel.race_window:
        panel.lock.release()
        time.sleep(panel.race_window)
        panel.lock.acquire()
    domain.rows.append(_row(label, kind, value, priority, new_id, ttl or "14400"))
    return _restarted(panel, restart)


def _checked(label: str, kind: str, value: str, ttl: str) -> tuple[str, str, str]:
    kind = kind.upper()
    if kind not in TYPES:
        raise Exit(2, f"invalid dns record type format :: {kind}")
    if not _RECORD.fullmatch(label):
        raise Exit(2, f"invalid record format :: {label}")
    if ttl and not ttl.isdigit():
        raise Exit(2, f"invalid ttl format :: {ttl}")
    if kind in ("A", "AAAA"):
        family = ipaddress.IPv4Address if kind == "A" else ipaddress.IPv6Address
        try:
            family(value)
        except ValueError:
            raise Exit(2, f"dns record validation failed :: {value}") from None
    if kind in POINTS and not value.endswith("."):
        value += "."
    if kind == "PTR" and value.count(".") < 2:
        name = value.removesuffix(".")
        raise Exit(2, f"PTR record {name} should be a fully qualified domain name (FQDN)")
    return label.lower(), kind, value


def _change(
    panel: Panel,
    user: str,
    name: str,
    row_id: str,
    label: str,
    kind: str,
    value: str,
    priority: str = "",
    restart: str = "",
    ttl: str = "",
) -> CommandResult:
    plain, domain = panel.domain(user, name)
    before = next((row for row in domain.rows if row["ID"] == row_id), None)
    if before is None:
        raise Exit(3, f"{plain} id {row_id} doesn't exist")
    label, kind, value = _checked(label, kind, value, ttl)
    after = {**before, "RECORD": label, "TYPE": kind, "VALUE": value, "PRIORITY": priority}
    after["TTL"] = ttl or before["TTL"]
    if after == before:
        return CommandResult(4, "No pending changes in DNS entry.")
    before.update(after)
    return _restarted(panel, restart)


def _delete(panel: Panel, user: str, name: str, row_id: str, restart: str = "") -> CommandResult:
    plain, domain = panel.domain(user, name)
    gone = [row for row in domain.rows if row["ID"] == row_id]
    if not gone:
        raise Exit(3, f"{plain} id {row_id} doesn't exist")
    for kind in ("A", "NS"):
        rest = [row for row in domain.rows if row["TYPE"] == kind and row not in gone]
        if gone[0]["TYPE"] == kind and not rest:
            raise Exit(2, f"at least one {kind} record should remain active")
    domain.rows = [row for row in domain.rows if row["ID"] != row_id]
    return _restarted(panel, restart)


def _restart(panel: Panel) -> CommandResult:
    return _restarted(panel, "yes")


def _restarted(panel: Panel, restart: str) -> CommandResult:
    if restart != "no":
        panel.restarts += 1
    return CommandResult()


def _usage(
    least: int, usage: str, run: Callable[..., CommandResult]
) -> Callable[[Panel, list[str]], CommandResult]:
    most = len(usage.split()) - 1

    def command(panel: Panel, arguments: list[str]) -> CommandResult:
        if len([value for value in arguments[:least] if value]) < least:
            return CommandResult(1, f"Usage: {usage}")
        with panel.lock:
            try:
                return run(panel, *arguments[:most])
            except Exit as stop:
                return CommandResult(stop.code, f"Error: {stop}" if str(stop) else "")

    return command


COMMANDS: dict[str, Callable[[Panel, list[str]], CommandResult]] = {
    "v-list-dns-domains": _usage(1, "v-list-dns-domains USER [FORMAT]", _list_domains),
    "v-list-dns-domain": _usage(2, "v-list-dns-domain USER DOMAIN [FORMAT]", _list_domain),
    "v-search-domain-owner": _usage(1, "v-search-domain-owner DOMAIN [TYPE]", _owner),
    "v-list-dns-records": _usage(2, "v-list-dns-records USER DOMAIN [FORMAT]", _list_records),
    "v-add-dns-record": _usage(
        5, "v-add-dns-record USER DOMAIN RECORD TYPE VALUE [PRIORITY] [ID] [RESTART] [TTL]", _add
    ),
    "v-change-dns-record": _usage(
        6, "v-change-dns-record USER DOMAIN ID RECORD TYPE VALUE [PRIORITY] [RESTART] [TTL]", _change
    ),
    "v-delete-dns-record": _usage(3, "v-delete-dns-record USER DOMAIN ID [RESTART]", _delete),
    "v-restart-dns": _usage(0, "v-restart-dns", _restart),
}
