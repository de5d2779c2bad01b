"""How much of its traffic quota a service has used, and what that has led to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.clock import Moment, now_ms
from engine.plan import effective
from engine.queries.traffic import gib, sums_in
from engine.store.database import session
from engine.store.models import Service, TrafficQuota
from engine.traffic.calendar import bounds, month_of
from engine.traffic.quota import Quota, QuotaLevel


@dataclass(frozen=True, slots=True)
class QuotaView:
    """The traffic quota of a service in the current month. Bytes, except where the name says otherwise."""

    month: str
    counts: str
    used: int
    limit: int
    percent: int
    state: QuotaLevel
    warn_percent: int
    action: str
    throttle_mbs: int
    throttled: bool
    """The network card is throttled, or is about to be."""
    suspended: bool
    """The quota has suspended the service, or is about to."""
    waived: bool
    """An operator has unsuspended the service for the rest of the month."""
    resets: Moment


def quota_of(service_id: int, now: int = 0) -> QuotaView | None:
    """The quota of a service as it is now; None when its traffic is unlimited or it has ended."""
    now = now or now_ms()
    with session():
        service = Service.get_or_none(Service.id == service_id)
        if service is None or service.status in ("Terminated", "Cancelled"):
            return None
        quota = Quota.of(effective(service.product.spec, service.options))
        if not quota.gib:
            return None
        month = month_of(now)
        used = quota.used(*sums_in([service_id], month).get(service_id, (0, 0)))
        row = TrafficQuota.get_or_none(TrafficQuota.service == service_id)
    return QuotaView(
        month=month,
        counts=quota.counts,
        used=used,
        limit=quota.limit,
        percent=quota.percent(used),
        state=quota.level(used),
        warn_percent=quota.warn,
        action=quota.action,
        throttle_mbs=quota.throttle_mbs,
        throttled=row is not None and row.throttle_mbs > 0,
        suspended=row is not None and row.hold in ("due", "on"),
        waived=row is not None and row.hold == "waived",
        resets=bounds(month)[1],
    )


def quota_words(quota: QuotaView | None) -> str:
    """A traffic quota in words: how much is used, and what that has led to."""
    if quota is None:
        return "unlimited"
    counted = {"in": "in", "out": "out", "both": "in and out", "larger": "the larger of in and out"}[
        quota.counts
    ]
    used = f"{gib(quota.used)} of {gib(quota.limit)} in {quota.month} ({quota.percent} %)"
    return ", ".join([used, counted, *_led_to(quota)])


def _led_to(quota: QuotaView) -> Iterator[str]:
    if quota.throttled:
        yield f"throttled to {quota.throttle_mbs} MB/s"
    if quota.suspended:
        yield "suspended"
    if quota.waived:
        yield "unsuspended by an operator until the month ends"
