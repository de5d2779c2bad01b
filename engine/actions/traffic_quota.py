"""Enforces traffic quotas: warns, notifies, throttles and suspends, and undoes it when the month or the quota changes.

What was done is kept in one row per service. Mail, webhook and request are written in the transaction that changes the
row, under the lock of the VM's row, from what was read inside it: however many engines look at a service, and wherever
one is killed, each happens once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine import audit
from engine.actions.requests import enqueue
from engine.audit import Actor
from engine.errors import KvmtuiError, Refused
from engine.mail.facts import addresses_of, traffic_facts, vm_facts
from engine.mail.outbox import SiteMail
from engine.plan import Plan, effective
from engine.queries.traffic import sums_in
from engine.store.database import in_transaction, session
from engine.store.models import Product, Service, TaskState, TrafficQuota, Vm
from engine.traffic.calendar import bounds, month_of
from engine.traffic.quota import BY_QUOTA, Quota
from engine.webhooks import recording
from engine.work import events, requests, task_ledger, wake
from engine.work.task import TaskReport

log = logging.getLogger(__name__)
_ACTION = "enforce_traffic_quota"
TASK = "collectingStatistics"
_ENGINE = Actor(login="engine", source="engine")
_BATCH = 200
_SKEW_MS = 3_600_000  # how far the clocks of two engines may differ
_MOST_NOTICES = 40
_ENDED = ("Terminated", "Cancelled")
_REMOVING = ("terminate", "error_terminate", "remove")
_LEVELS = {"warning": "waiting", "exceeded": "error", "restored": "success"}
_SENTENCES = {
    "warning": "{percent} % of the traffic quota of {gib} GiB for {month} is used",
    "exceeded": "the traffic quota of {gib} GiB for {month} is used up",
    "restored": "the traffic quota is available again: {percent} % of {gib} GiB used in {month}",
}


def enforce_all(now: int, report: TaskReport, keep_going: Callable[[], bool] = lambda: True) -> None:
    """Compare every service that has a quota, or had one, with it, and count those that were changed.

    One that cannot be enforced is reported, and does not stop the others.
    """
    with session():
        _forget_ended()
        ids = _with_quota()
        for start in range(0, len(ids), _BATCH):
            for service_id in _unsettled(ids[start : start + _BATCH], now):
                if not keep_going():
                    return
                try:
                    report.count(in_transaction(partial(enforce, service_id, now)))
                except KvmtuiError as error:
                    report.add(service_id, _ACTION, error.sentence)
                except Exception as error:
                    log.exception("The traffic quota of service %s could not be enforced", service_id)
                    report.add(
                        service_id, _ACTION, f"internal error ({type(error).__name__}); see the log file"
                    )


def look_soon(services: Any) -> None:
    """Have the statistics look at once if they act upon one of these services, whose quota may be another now.

    `services` are ids or a query of ids; call it in the transaction of the change.
    """
    acted_upon = TrafficQuota.select().where(
        TrafficQuota.service.in_(services), TrafficQuota.state != "within"
    )
    if acted_upon.exists():
        TaskState.update(last_run_at=None).where(TaskState.name == TASK).execute()
        wake.notify(task_ledger.CHANNEL)


def _forget_ended() -> None:
    ended = Service.select(Service.id).where(Service.status.in_(_ENDED))
    old = TrafficQuota.service.in_(ended)
    if TrafficQuota.select().where(old).exists():
        in_transaction(lambda: TrafficQuota.delete().where(old).execute())


def _with_quota() -> list[int]:
    """The services whose quota may have to be enforced or undone, by id."""
    limited = [row.id for row in Product.select(Product.id, Product.spec) if row.spec.get("traffic_gib")]
    has_one = Service.product.in_(limited) | Service.options.cast("TEXT").contains('"traffic_gib"')
    had_one = Service.id.in_(TrafficQuota.select(TrafficQuota.service))
    rows = Service.select(Service.id).where(Service.status.not_in(_ENDED), has_one | had_one)
    return [row.id for row in rows.order_by(Service.id)]


def _unsettled(ids: Sequence[int], now: int) -> Iterator[int]:
    """Those of these services whose row does not say what it should; the transaction decides again."""
    month = month_of(now)
    used = sums_in(ids, month)
    rows = {row.service_id: row for row in TrafficQuota.select().where(TrafficQuota.service.in_(ids))}
    services = Service.select(Service, Product).join(Product).where(Service.id.in_(ids)).order_by(Service.id)
    for service in list(services):
        quota = Quota.of(effective(service.product.spec, service.options))
        level = quota.level(quota.used(*used.get(service.id, (0, 0))))
        row = rows.get(service.id)
        if row is None:
            if level != "within":
                yield service.id
        elif not _is_settled(row, month, level, quota, service.status):
            yield service.id


def _is_settled(row: TrafficQuota, month: str, level: str, quota: Quota, status: str) -> bool:
    if (row.month, row.state) != (month, level) or row.card_mbs != row.throttle_mbs:
        return False
    throttled = quota.throttle_mbs if level == "exceeded" and quota.action == "throttle" else 0
    what = {"exceeded": "exceeded", "warned": "warning"}.get(level, "")
    notified = not what or quota.action == "none" or _key(month, what, quota.gib) in row.notices
    if row.throttle_mbs != throttled or not notified:
        return False
    if level == "exceeded" and quota.action == "suspend":
        return row.hold in ("taken", "waived") or (row.hold == "on" and status == "Suspended")
    return row.hold in ("", "waived")


def enforce(service_id: int, now: int) -> int:
    """Bring one service to what its quota says; 1 when something was changed. Call it in a transaction."""
    known = Vm.get_or_none(Vm.service == service_id)
    if known is None:
        return 0
    vm = requests.lock(known.id)
    if vm.service.status in _ENDED or vm.vm_status in _REMOVING:
        return 0
    row = TrafficQuota.get_or_none(TrafficQuota.service == service_id)
    month = month_of(now)
    if row is not None and 0 < bounds(row.month)[0] - now <= _SKEW_MS:
        return 0  # another engine's clock is ahead, and the month begins in a moment
    made = row is None
    if row is None:
        row = TrafficQuota(service=service_id, month=month, state="within", since=now)
    before = dict(row.__data__)
    _Enforcement.of(vm, row, month, now).run()
    if made or row.__data__ != before:
        row.save(force_insert=made)
        return 1
    return 0


@dataclass(slots=True)
class _Enforcement:
    """One look at one service, inside its transaction."""

    vm: Vm
    row: TrafficQuota
    plan: Plan
    quota: Quota
    month: str
    used: int
    now: int

    @classmethod
    def of(cls, vm: Vm, row: TrafficQuota, month: str, now: int) -> _Enforcement:
        plan = effective(vm.service.product.spec, vm.service.options)
        quota = Quota.of(plan)
        sums = sums_in([vm.service_id], month).get(vm.service_id, (0, 0))
        return cls(vm, row, plan, quota, month, quota.used(*sums), now)

    def run(self) -> None:
        """Compare, notify, and request what is due."""
        row, level = self.row, self.quota.level(self.used)
        restored = row.state == "exceeded" and level != "exceeded"
        if restored and (last := _last_exceeded(row)):
            self._notify("restored", row.month, last)
        if level == "exceeded" and self.quota.action != "none":
            self._notify("exceeded", self.month, self.quota.gib)
        elif level == "warned" and self.quota.action != "none":
            self._notify("warning", self.month, self.quota.gib, silent=restored)
        if row.month != self.month and row.hold == "waived":
            row.hold = ""
        if (row.month, row.state) != (self.month, level):
            row.since = self.now
        row.month, row.state = self.month, level
        exceeded = level == "exceeded"
        self._throttle(self.quota.throttle_mbs if exceeded and self.quota.action == "throttle" else 0)
        if exceeded and self.quota.action == "suspend":
            self._suspend()
        else:
            self._release()

    # mails and webhooks

    def _notify(self, what: str, month: str, gib: int, silent: bool = False) -> None:
        """Write mail, webhook and log line, unless that was done for this month and quota; `silent` only notes it."""
        key, row = _key(month, what, gib), self.row
        if key in row.notices:
            return
        row.notices = [*row.notices, key][-_MOST_NOTICES:]
        if silent:
            return
        service, percent = self.vm.service_id, self.quota.percent(self.used)
        facts = {
            "month": self.month,
            "quota_bytes": self.quota.limit,
            "used_bytes": self.used,
            "percent": percent,
            "counts": self.quota.counts,
            "action": self.quota.action,
        }
        if recording.write(f"traffic.{what}", [service], {service: facts}):
            wake.notify(recording.CHANNEL)
        text = _SENTENCES[what].format(percent=percent, gib=self.quota.gib, month=self.month)
        self._say(f"{text}{self._mail(what, key)}", _LEVELS[what])

    def _mail(self, what: str, key: str) -> str:
        if not self.plan.emails.get("traffic", True):
            return ""
        facts = vm_facts(self.vm, self.plan, addresses_of(self.vm))
        facts |= traffic_facts(self.quota, self.used, self.month)
        return f"; {SiteMail().queue(self.vm, f'traffic_{what}', f'traffic:{self.vm.uid}:{key}', facts)}"

    def _say(self, text: str, level: str) -> None:
        vm = self.vm
        events.publish(
            "traffic", f"[traffic] sid:{vm.service_id} {text}", level=level, vm=vm.id, service=vm.service_id
        )

    # what is done to the VM

    def _throttle(self, rate: int) -> None:
        row = self.row
        if rate != row.throttle_mbs:
            row.throttle_mbs = rate
            self._audit("throttle" if rate else "unthrottle", {"rate_mbs": rate})
        # a guest that is not there yet gets the rate with its deploy
        if row.card_mbs != rate and self.vm.vmid is not None:
            self._request("SetNetworkRate")

    def _suspend(self) -> None:
        row, active = self.row, self.vm.service.status == "Active"
        if row.hold == "ending":
            row.hold = "on"
            self._audit("suspend")
            self._request("Suspend")
        elif row.hold == "" and active and not self._open("Suspend", ours=False):
            row.hold = "due"
            self._audit("suspend")
            self._request("Suspend")
        elif row.hold in ("due", "on") and active:
            self._request("Suspend")

    def _release(self) -> None:
        row = self.row
        if row.hold == "on":
            row.hold = "ending"
            self._audit("unsuspend")
            self._request("Unsuspend")
        elif row.hold == "ending":
            self._request("Unsuspend")
        elif row.hold in ("due", "taken"):
            row.hold = ""  # not begun, or an operator's now

    def _request(self, pipeline: str) -> None:
        """Put it into the VM's queue if it is not there; what is refused or fails is requested again next time."""
        if self._open(pipeline, ours=True):
            return
        try:
            enqueue(self.vm, pipeline, _ENGINE, {BY_QUOTA: True})
        except Refused as refusal:
            self._say(f"{pipeline} waits: {refusal.sentence}", "waiting")

    def _open(self, pipeline: str, ours: bool) -> bool:
        return any(
            each.pipeline == pipeline and bool(each.args.get(BY_QUOTA)) == ours
            for each in requests.open_of(self.vm.id)
        )

    def _audit(self, action: str, after: dict[str, Any] | None = None) -> None:
        vm = self.vm
        before = {"vm_status": vm.vm_status, "service_status": vm.service.status}
        if action in ("suspend", "throttle"):
            reason = f"Traffic quota of {self.quota.gib} GiB for {self.month} is used up"
        else:
            reason = f"Traffic quota for {self.month} is available again"
        audit.record(_ENGINE, action, "vm", str(vm.service_id), vm.name, before, after or {}, reason)
        events.publish("change", vm=vm.id, service=vm.service_id, data={"action": action})


def _last_exceeded(row: TrafficQuota) -> int:
    """The quota that the client was last notified about in the month of this row; 0: none."""
    prefix = _key(row.month, "exceeded", 0)[:-1]
    return next((int(key.removeprefix(prefix)) for key in reversed(row.notices) if key.startswith(prefix)), 0)


def _key(month: str, what: str, gib: int) -> str:
    return f"{month}:{what}:{gib}"
