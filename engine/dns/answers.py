"""What became of a queued change: how a step waits for it, and the line of the log that says it."""

from __future__ import annotations

import threading

from engine.dns import configured_zones, ledger
from engine.dns.names import is_reverse
from engine.store.models import DnsRecord, Zone

_settled = threading.Condition()
_count = 0


def announce() -> None:
    """Wake the steps of this process that wait: something was settled or refused."""
    global _count
    with _settled:
        _count += 1
        _settled.notify_all()


def seen() -> int:
    """How often something was settled so far."""
    return _count


def wait(since: int, within: float) -> None:
    """Return as soon as something was settled after `since`, or after so many seconds."""
    with _settled:
        _settled.wait_for(lambda: _count != since, within)


def lines(asked: DnsRecord, now: DnsRecord | None, zone: Zone) -> tuple[list[str], bool]:
    """The log lines of a change as it stands `now` (None: its row is gone), and whether it failed or is pending."""
    kind, label = ("rev" if is_reverse(zone.name) else "fwd"), configured_zones.zone_of(zone).label
    record = ledger.record_of(asked)
    if now is None:
        return [done_line(asked, zone)], False
    if now.due_at is not None and now.error:  # without an error it is done, and only checked again
        return [f"{kind} ERR {record.name} {record.type} @ {label}: {now.error}"], True
    noted = [f"{kind} !   {record} @ {label}: {now.note}"] if now.note else []
    return ([] if now.state == "left" and noted else [done_line(now, zone)]) + noted, False


def done_line(row: DnsRecord, zone: Zone) -> str:
    """The log line of a change that was made."""
    kind = "rev" if is_reverse(zone.name) else "fwd"
    gone = " deleted" if row.state == "deleting" else ""
    return f"{kind} OK  {ledger.record_of(row)} @ {configured_zones.zone_of(zone).label}{gone}"
