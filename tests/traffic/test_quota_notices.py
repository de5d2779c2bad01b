"""What a traffic quota decides, and that each mail and webhook goes once: months, zones, purchases, clocks, crashes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.actions import traffic_quota
from engine.clock import use_zone
from engine.plan import Plan
from engine.store.database import session, transaction
from engine.store.models import Client, Outbox, Service, Traffic, TrafficQuota, Vm, WebhookDelivery
from engine.traffic.quota import GIB, Quota
from engine.work import events
from engine.work.task import TaskReport
from tests.conftest import Store
from tests.traffic.shop import Shop, at

NOV, DEC = at(2026, 11, 10, 12), at(2026, 12, 10, 12)


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    yield
    use_zone("UTC")


def test_each_notice_goes_once_a_month(store: Store) -> None:
    shop = Shop.open(traffic_gib=100)
    assert shop.spend(NOV, 79) == [] and shop.row() is None
    assert shop.spend(NOV, 1) == ["warning"]
    assert shop.spend(NOV, 10) == [] and shop.spend(NOV, 10) == ["exceeded"]
    assert shop.spend(NOV, 500) == [] and shop.asked() == []
    assert shop.spend(DEC, 1) == ["restored"]
    assert shop.spend(DEC, 80) == ["warning"] and shop.spend(DEC, 80) == ["exceeded"]
    first = shop.bodies()[0]
    assert {key: first[key] for key in ("service_id", "month", "percent", "action", "counts")} == {
        "service_id": shop.service,
        "month": "2026-11",
        "percent": 80,
        "action": "notify",
        "counts": "both",
    }
    assert (first["used_bytes"], first["quota_bytes"]) == (80 * GIB, 100 * GIB)


@pytest.mark.parametrize(
    ("counts", "came", "went", "notices"),
    [
        ("in", 100, 0, ["exceeded"]),
        ("in", 0, 500, []),
        ("out", 500, 0, []),
        ("out", 0, 100, ["exceeded"]),
        ("both", 50, 50, ["exceeded"]),
        ("larger", 79, 79, []),
        ("larger", 0, 100, ["exceeded"]),
    ],
)
def test_what_counts_towards_the_quota(
    sqlite_store: Store, counts: str, came: int, went: int, notices: list[str]
) -> None:
    shop = Shop.open(traffic_gib=100, traffic_counts=counts)
    shop.use(NOV, came, went)
    shop.look(NOV)
    assert shop.notices_sent() == notices


def test_no_quota_no_action_and_no_warning(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=0, traffic_action="suspend")
    assert shop.spend(NOV, 9000) == [] and shop.row() is None
    shop.sell(traffic_gib=100, traffic_action="none")
    assert shop.spend(NOV, 1) == [] and shop.asked() == []
    shop.sell(traffic_action="notify")
    assert shop.spend(NOV, 1) == ["exceeded"]
    shop.sell(traffic_gib=10_000, traffic_warn=0)
    assert shop.spend(NOV, 990) == ["restored"]
    assert shop.row().state == "within"  # type: ignore[union-attr]


def test_mails_follow_the_switch_of_the_product(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100, emails={"traffic": False})
    shop.use(NOV, 100)
    shop.look(NOV)
    with session():
        assert Outbox.select().count() == 0 and WebhookDelivery.select().count() == 1


def test_a_purchase_in_the_middle_counts_as_another_quota(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100)
    assert shop.spend(NOV, 120) == ["exceeded"]
    shop.option(traffic_gib=150)  # 80 % of it: available again, and not a warning with the same breath
    assert shop.spend(NOV, 0) == ["restored"] and shop.row().state == "warned"  # type: ignore[union-attr]
    assert shop.spend(NOV, 30) == ["exceeded"]
    shop.option(traffic_gib=200)
    assert shop.spend(NOV, 0) == ["restored"]
    assert shop.spend(NOV, 10) == ["warning"]
    for gib in (100, 200, 150, 200, 100):  # back and forth: nothing is said twice
        shop.option(traffic_gib=gib)
        assert shop.spend(NOV, 0) == []


def test_a_downgrade_in_the_middle_is_noticed(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=200)
    assert shop.spend(NOV, 120) == []
    shop.sell(traffic_gib=100)
    assert shop.spend(NOV, 0) == ["exceeded"]
    shop.sell(traffic_gib=0)
    assert shop.spend(NOV, 0) == ["restored"]


@pytest.mark.parametrize("zone", ["Europe/Warsaw", "Asia/Kolkata", "America/St_Johns", "Pacific/Auckland"])
def test_the_month_turns_at_the_midnight_of_the_site(sqlite_store: Store, zone: str) -> None:
    use_zone(zone)
    midnight = at(2026, 12, 1, zone=zone)
    shop = Shop.open(traffic_gib=100)
    assert shop.spend(midnight - 5 * 3_600_000, 100) == ["exceeded"]
    assert shop.spend(midnight - 1, 0) == [] and shop.spend(midnight, 0) == ["restored"]
    assert shop.spend(midnight + 3_600_000, 100) == ["exceeded"]


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25)])
def test_a_change_of_summer_time_loses_and_doubles_nothing(
    sqlite_store: Store, month: int, day: int, hours: int
) -> None:
    use_zone("Europe/Warsaw")
    begin = at(2026, month, day, zone="Europe/Warsaw")
    shop = Shop.open(traffic_gib=hours, traffic_warn=0)
    notices = [shop.spend(begin + hour * 3_600_000, 1) for hour in range(hours)]
    assert notices == [*([[]] * (hours - 1)), ["exceeded"]]
    assert shop.spend(begin + hours * 3_600_000, 0) == []
    assert shop.spend(at(2026, month + 1, 1, zone="Europe/Warsaw"), 0) == ["restored"]


def test_months_that_were_not_evaluated_are_skipped(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100)
    assert shop.spend(NOV, 100) == ["exceeded"]
    shop.use(DEC, 500)
    shop.use(at(2027, 2, 3), 100)
    assert shop.look(at(2027, 2, 3)) == 1 and shop.notices_sent() == ["exceeded", "exceeded"]


def test_clocks_that_differ_and_step_say_nothing_twice(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100, traffic_action="throttle", traffic_throttle_mbs=5)
    midnight = at(2026, 12, 1)
    assert shop.spend(midnight - 3_600_000, 100) == ["exceeded"]
    assert shop.spend(midnight + 5_000, 0) == ["restored"]
    assert shop.look(midnight - 5_000) == 0 and shop.row().throttle_mbs == 0  # type: ignore[union-attr]
    # a clock that was months ahead: the quota is enforced again, silently
    assert shop.spend(at(2027, 6, 1), 0) == []
    assert shop.spend(NOV, 0) == [] and shop.row().throttle_mbs == 5  # type: ignore[union-attr]
    assert shop.spend(DEC, 0) == [] and shop.row().throttle_mbs == 0  # type: ignore[union-attr]


def test_engines_that_check_concurrently_act_once(store: Store) -> None:
    shop = Shop.open(traffic_gib=100, traffic_action="suspend")
    shop.use(NOV, 100)
    begin = threading.Barrier(4)
    changed: list[int] = []

    def engine() -> None:
        begin.wait()
        changed.append(shop.look(NOV))

    threads = [threading.Thread(target=engine) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(changed) == [0, 0, 0, 1]
    assert shop.notices_sent() == ["exceeded"] and shop.asked() == [("Suspend", "queued")]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", [NOV, DEC])
def test_a_crash_before_the_commit_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    shop = Shop.open(traffic_gib=100, traffic_action="suspend")
    shop.use(NOV, 100)
    if moment == DEC:
        shop.look(NOV)
        TrafficQuota.update(hold="on").execute()
        Service.update(status="Suspended").execute()
    before, asked = shop.notices_sent(), shop.asked()

    def die(_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(events, "_hooks", [die])  # called as the last act of the transaction
        for _ in range(2):
            with pytest.raises(Killed):
                shop.look(moment)
    assert shop.notices_sent() == before and shop.asked() == asked
    assert shop.look(moment) == 1 and shop.look(moment) == 0
    what, action = ("exceeded", "Suspend") if moment == NOV else ("restored", "Unsuspend")
    assert shop.notices_sent() == [*before, what] and shop.asked() == [*asked, (action, "queued")]


def test_ended_services_are_left_alone_and_forgotten(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100, traffic_action="suspend")
    shop.use(NOV, 100)
    with session():
        Vm.update(vm_status="terminate").execute()
    assert shop.look(NOV) == 0 and shop.notices_sent() == []
    with session(), transaction():
        Vm.update(vm_status="ready").execute()
    assert shop.look(NOV) == 1
    with session(), transaction():
        Service.update(status="Terminated").execute()
    assert shop.look(DEC) == 0 and shop.row() is None and shop.notices_sent() == ["exceeded"]


def test_a_client_without_address_and_a_site_without_mail_lose_no_webhook(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100)
    with session():
        Client.update(email="").execute()
    shop.use(NOV, 100)
    shop.look(NOV)
    with session():
        assert Outbox.select().count() == 0
        assert [row.type for row in WebhookDelivery.select()] == ["traffic.exceeded"]


def test_a_service_that_cannot_be_enforced_does_not_stop_the_others(sqlite_store: Store) -> None:
    shop = Shop.open(traffic_gib=100)
    with session(), transaction():
        first = Service.get_by_id(shop.service)
        other = Service.create(client=first.client, product=first.product, status="Active")
        vm = Vm.create(
            uid="other", service=other, server=shop.vm.server, vmid=5001, node="pve1", vm_status="ready"
        )
        Traffic.insert(vm=vm.id, service=other.id, hour=NOV, bytes_in=200 * GIB).execute()
        TrafficQuota.insert(service=first.id, month="no month", state="exceeded", since=0).execute()
    report = TaskReport()
    traffic_quota.enforce_all(NOV, report)
    assert [(one.service, one.result) for one in report.outcomes] == [
        (first.id, "'no month' is not a month; write YYYY-MM.")
    ]
    assert shop.notices_sent() == ["exceeded"] and (report.processed, report.errors) == (2, 1)


@given(
    gib=st.integers(0, 50),
    warn=st.integers(0, 99),
    counts=st.sampled_from(("in", "out", "both", "larger")),
    came=st.integers(0, 100 * GIB),
    went=st.integers(0, 100 * GIB),
)
@settings(max_examples=200, deadline=None)
def test_more_traffic_never_makes_it_better(gib: int, warn: int, counts: str, came: int, went: int) -> None:
    quota = Quota.of(Plan(traffic_gib=gib, traffic_warn=warn, traffic_counts=counts))
    order = ("within", "warned", "exceeded")
    less, more = quota.used(came, went), quota.used(came + 1, went + 1)
    assert less < more and order.index(quota.level(less)) <= order.index(quota.level(more))
    assert (quota.level(less) == "exceeded") is (gib > 0 and less >= gib * GIB)
    assert quota.level(less) != "within" or gib == 0 or warn == 0 or quota.percent(less) < warn
