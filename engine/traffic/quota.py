"""A traffic quota: what counts towards it, what it has come to, and the rate it leaves the network card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.store.database import session
from engine.store.models import TrafficQuota

if TYPE_CHECKING:
    from engine.plan import Plan

GIB = 1024**3
BY_QUOTA = "quota"  # the argument of a request that a quota made
UNKNOWN_RATE = -1  # the card was changed by something that does not know the throttle, such as a rollback
QuotaLevel = Literal["within", "warned", "exceeded"]


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota of a plan. 0 GiB is unlimited, 0 % never warns."""

    gib: int
    counts: str
    action: str
    throttle_mbs: int
    warn: int

    @classmethod
    def of(cls, plan: Plan) -> Quota:
        """The quota that a plan allows."""
        return cls(
            plan.traffic_gib,
            plan.traffic_counts,
            plan.traffic_action,
            plan.traffic_throttle_mbs,
            plan.traffic_warn,
        )

    @property
    def limit(self) -> int:
        """Bytes per month."""
        return self.gib * GIB

    def used(self, bytes_in: int, bytes_out: int) -> int:
        """The bytes that count towards it."""
        match self.counts:
            case "in":
                return bytes_in
            case "out":
                return bytes_out
            case "larger":
                return max(bytes_in, bytes_out)
        return bytes_in + bytes_out

    def percent(self, used: int) -> int:
        """How much of it so many bytes are, rounded down; 0 when it is unlimited."""
        return used * 100 // self.limit if self.gib else 0

    def level(self, used: int) -> QuotaLevel:
        """What so many bytes come to."""
        if self.gib and used >= self.limit:
            return "exceeded"
        if self.gib and self.warn and used * 100 >= self.limit * self.warn:
            return "warned"
        return "within"


def card_rate(service_id: int, bandwidth: int) -> int:
    """The rate limit of a service's network card in MB/s: that of its plan, or the throttle if that is lower.

    Every step and every comparison that concerns the rate asks here, so that change-package, a reinstall or a
    restore while a throttle is due keeps it, and one after it lifts it.
    """
    throttle = throttle_of(service_id)
    return min(bandwidth, throttle) if bandwidth and throttle else bandwidth or throttle


def throttle_of(service_id: int) -> int:
    """The throttle that is due now, in MB/s; 0: none."""
    with session():
        row = TrafficQuota.select(TrafficQuota.throttle_mbs).where(TrafficQuota.service == service_id).first()
    return int(row.throttle_mbs) if row is not None else 0


def note_card(service_id: int, throttle: int) -> None:
    """A run has set the card for this throttle; call it in the transaction of the step's end."""
    TrafficQuota.update(card_mbs=throttle).where(TrafficQuota.service == service_id).execute()


def hold_of(service_id: int) -> str:
    """What the quota holds of a service's suspension; empty: nothing."""
    row = TrafficQuota.select(TrafficQuota.hold).where(TrafficQuota.service == service_id).first()
    return str(row.hold) if row is not None else ""


def move_hold(service_id: int, before: tuple[str, ...], after: str) -> bool:
    """Move the hold on a service from one of these states; False when it is in another.

    Call it in a transaction that has locked the VM's row: whoever changes a hold does.
    """
    changed = TrafficQuota.update(hold=after).where(
        TrafficQuota.service == service_id, TrafficQuota.hold.in_(before)
    )
    return bool(changed.execute())
