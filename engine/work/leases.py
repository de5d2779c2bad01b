"""Named leases of one worker: who watches a server, who runs a housekeeping job. The worker's heartbeat renews them.

All times are the database's.
"""

from __future__ import annotations

from engine.store.database import execute, in_transaction, session


def hold(name: str, owner: str, for_ms: int) -> bool:
    """True when `owner` has the right for at least half of `for_ms`; asking again renews it."""
    with session():
        known = execute("SELECT owner, until - now_ms() FROM lease WHERE name = ?", name).fetchone()
    if known is not None and known[1] > 0:
        if known[0] not in ("", owner):
            return False
        if known[0] == owner and known[1] > for_ms // 2:
            return True
    return in_transaction(lambda: _take(name, owner, for_ms))


def _take(name: str, owner: str, for_ms: int) -> bool:
    execute("INSERT INTO lease (name, owner, until, fence) VALUES (?, '', 0, 0) ON CONFLICT DO NOTHING", name)
    taken = execute(
        "UPDATE lease SET owner = ?, until = now_ms() + ?, fence = fence + 1 "
        "WHERE name = ? AND (owner = ? OR until <= now_ms())",
        owner,
        for_ms,
        name,
        owner,
    )
    return bool(taken.rowcount)
