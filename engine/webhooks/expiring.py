"""Reports tokens that expire soon, once per token and expiry, however many engines there are."""

from __future__ import annotations

from engine.clock import iso
from engine.queries.tokens import SOON_DAYS, TokenView, expiring
from engine.store.database import in_transaction, session
from engine.store.models import Setting
from engine.webhooks import recording

_TOLD = "webhooks.expiring"


def tell(now: int = 0) -> int:
    """Write a message about every token that expires soon and was not reported yet; how many."""
    found = {str(each.id): each for each in expiring(SOON_DAYS, now)}
    if not found:
        return 0
    with session():
        known = Setting.get_or_none(Setting.key == _TOLD)
    told = known.value if known is not None else {}
    fresh = {key: each for key, each in found.items() if told.get(key) != each.expires_at}
    return in_transaction(lambda: _write(fresh, told if known is not None else None)) if fresh else 0


def _write(fresh: dict[str, TokenView], told: dict[str, int] | None) -> int:
    """Note which tokens are reported, and write the messages when it was this process that noted it."""
    note = {**(told or {}), **{key: each.expires_at for key, each in fresh.items()}}
    if told is None:
        Setting.insert(key=_TOLD, value={}).on_conflict_ignore().execute()
    same = (Setting.key == _TOLD) & (Setting.value == (told or {}))
    if not Setting.update(value=note).where(same).execute():
        return 0
    written = 0
    for each in fresh.values():
        data = {"token": each.name, "role": each.role, "expires_at": iso(each.expires_at)}
        written += recording.write_site("token.expiring", data)
    if written:
        recording.ring()
    return written
