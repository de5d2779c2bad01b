"""Named rights of one worker for a while: who watches a server, who writes to a DNS server."""

from __future__ import annotations

from engine.clock import now_ms
from engine.store.database import in_transaction, session
from engine.store.models import Lease


def hold(name: str, owner: str, for_ms: int) -> bool:
    """True when `owner` has the right from now on for `for_ms`; asking again renews it."""
    now = now_ms()
    with session():
        known = Lease.get_or_none(Lease.name == name)
        if known and known.owner not in ("", owner) and known.until > now:
            return False
        if known and known.owner == owner and known.until - now > for_ms // 2:
            return True

    def work() -> bool:
        Lease.insert(name=name).on_conflict_ignore().execute()
        free = (Lease.owner == owner) | (Lease.until <= now)
        changes = {Lease.owner: owner, Lease.until: now + for_ms, Lease.fence: Lease.fence + 1}
        return bool(Lease.update(changes).where(Lease.name == name, free).execute())

    return in_transaction(work)


def let_go(name: str, owner: str) -> None:
    """Give the right back before its time."""
    in_transaction(
        lambda: Lease.update(owner="", until=0).where(Lease.name == name, Lease.owner == owner).execute()
    )


def let_go_all(owner: str) -> None:
    """Give every right of a worker back."""
    in_transaction(lambda: Lease.update(owner="", until=0).where(Lease.owner == owner).execute())
