"""From a plan and the provider's results to what becomes of the rows of the ledger. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from engine.dns.errors import DnsErrorKind, retrying
from engine.dns.ledger import LedgerUpdate, Work
from engine.dns.plan import ChangeKind, RecordChange, ZonePlan
from engine.dns.provider import ChangeResult
from engine.store.models import DnsRecord

Pause = Callable[[DnsErrorKind | None, int], float]
GONE = LedgerUpdate()


def outcomes_of(
    work: Work, plan: ZonePlan, results: Sequence[ChangeResult], pause: Pause
) -> list[tuple[DnsRecord, LedgerUpdate]]:
    """What becomes of each row that was looked at; rows whose change was not sent are left as they are."""
    rows = work.rows
    found: dict[int, LedgerUpdate] = {}
    for result in results:
        _of_result(result, rows, found, pause)
    beside = _foreign(work, plan)
    for change in plan.changes:
        row = rows.get(change.record.identity)
        if row is not None and row.id not in found and (outcome := _of_look(change, row, pause)):
            found[row.id] = outcome
    for entry in plan.gone:
        found[rows[entry.record.identity].id] = GONE
    for row in work.around:
        outcome = found.get(row.id)
        if outcome is not None and outcome.state == "written" and not outcome.note:
            outcome.note = beside.get((row.name, row.type), "")
    _rest(work, plan, found, pause)
    by_id = {row.id: row for row in work.around}
    return [(by_id[number], outcome) for number, outcome in sorted(found.items())]


def _of_result(
    result: ChangeResult,
    rows: dict[tuple[str, str, str], DnsRecord],
    found: dict[int, LedgerUpdate],
    pause: Pause,
) -> None:
    change = result.change
    row = rows[change.record.identity]
    if not result.ok:
        found[row.id] = _failure(result, row, pause)
        return
    if change.kind is ChangeKind.DELETE:
        found[row.id] = GONE
        return
    found[row.id] = LedgerUpdate("written", claimed=True, provider_id=result.id)
    if change.kind is ChangeKind.REPLACE and change.old and change.old.record.identity in rows:
        replaced = rows[change.old.record.identity]
        if replaced.id != row.id:
            found[replaced.id] = GONE


def _failure(result: ChangeResult, row: DnsRecord, pause: Pause) -> LedgerUpdate:
    """A change that failed. Only after a definite refusal is it known that nothing was written."""
    unsure = result.kind is DnsErrorKind.TRANSIENT or row.state == "deleting"
    state = "conflict" if result.kind is DnsErrorKind.CONFLICT and row.state != "deleting" else row.state
    seconds = 0.0 if result.down else max(result.retry_after or 0.0, pause(result.kind, row.attempts))
    return LedgerUpdate(
        state,
        claimed=bool(unsure or row.claimed),
        provider_id=row.provider_id,
        error=retrying(result.sentence) if result.kind is DnsErrorKind.TRANSIENT else result.sentence,
        pause_s=seconds,
    )


def _of_look(change: RecordChange, row: DnsRecord, pause: Pause) -> LedgerUpdate | None:
    """A row for which nothing had to be sent."""
    live_id = change.old.id if change.old else ""
    if change.kind is ChangeKind.CONFLICT:
        seconds = pause(DnsErrorKind.CONFLICT, row.attempts)
        return LedgerUpdate(
            "conflict", bool(row.claimed), row.provider_id, error=change.reason, pause_s=seconds
        )
    if change.kind is ChangeKind.KEEP:
        return LedgerUpdate("written", True, live_id) if change.ours else LedgerUpdate("left")
    if change.kind is ChangeKind.FOREIGN and row.state != "deleting":
        if change.ours:
            return LedgerUpdate("written", True, live_id, note=change.reason)
        return LedgerUpdate("left", note=change.reason)
    return None


def _rest(work: Work, plan: ZonePlan, found: dict[int, LedgerUpdate], pause: Pause) -> None:
    """Due rows the plan does not mention: no row may stay due forever."""
    planned = {change.record.identity for change in plan.writes}
    planned |= {change.old.record.identity for change in plan.writes if change.old is not None}
    for identity, row in work.rows.items():
        if row.id in found or row.due_at is None or identity in planned:
            continue
        if row.state == "deleting" and not row.claimed:
            found[row.id] = GONE
        else:
            seconds = pause(DnsErrorKind.CONFLICT, row.attempts)
            why = "the provider's records leave nothing to do for it"
            found[row.id] = LedgerUpdate(
                row.state, bool(row.claimed), row.provider_id, error=why, pause_s=seconds
            )


def _foreign(work: Work, plan: ZonePlan) -> dict[tuple[str, str], str]:
    """Foreign records with the names and types of ours."""
    ours = work.rows
    contents: dict[tuple[str, str], list[str]] = defaultdict(list)
    for change in plan.changes:
        if change.kind is ChangeKind.FOREIGN and change.record.identity not in ours:
            contents[change.record.key].append(change.record.content)
    return {
        key: f"also there, not written by kvmtui and left unchanged: {', '.join(sorted(some))}"
        for key, some in contents.items()
    }
