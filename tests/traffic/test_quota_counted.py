"""From the counters of a guest to a throttle and back: the statistics act within one interval, come what may."""

from __future__ import annotations

from engine.schedule import statistics
from engine.store.models import Vm
from engine.traffic.calendar import bounds, month_of
from engine.work.task import TaskReport, TaskResources
from tests.pipelines.conftest import Site
from tests.traffic.shop import GIB, Shop

HOUR = 3600.0
SPEC = {
    "additional_disk": {"storage": "local-lvm", "size": 0},
    "traffic_gib": 2,
    "traffic_counts": "in",
    "traffic_action": "throttle",
    "traffic_throttle_mbs": 3,
}


def collect(site: Site) -> TaskReport:
    """Run the task on the cluster's own time."""
    resources = TaskResources(site.walker.servers, "test", keep_going=lambda: True)
    return statistics.run(resources, clock=lambda: now(site))


def now(site: Site) -> int:
    return int(site.lab.now() * 1000)


def used(site: Site, shop: Shop, month: str) -> int:
    from engine.queries.traffic import months

    return sum(one.bytes_in for one in months(shop.service, month))


def rate(site: Site, shop: Shop) -> str:
    card = str(site.guest(shop.vm).config["net0"])
    return next((part.removeprefix("rate=") for part in card.split(",") if part.startswith("rate=")), "")


def to_next_month(site: Site, hours: float) -> str:
    """Push the cluster's time to so many hours after the next turn of the month; returns that month."""
    end = bounds(month_of(now(site)))[1]
    site.lab.advance((end - now(site)) / 1000 + hours * HOUR)
    return month_of(now(site))


def test_a_throttle_follows_the_counters_through_restarts_and_a_node_that_is_away(stepped_site: Site) -> None:
    site = stepped_site
    month = to_next_month(site, 1)
    shop = Shop.open(site.walk(site.service(site.product(**SPEC), status="Active")))
    before = 0
    for hour in range(300):
        site.lab.advance(HOUR)
        if hour == 3:  # the counters begin again
            site.lab.foreign_power(shop.vm.vmid, "stopped")
            site.lab.foreign_power(shop.vm.vmid, "running")
        collect(site)
        if (row := shop.row()) is not None and row.state == "exceeded":
            break
        before = used(site, shop, month)
    assert before < 2 * GIB <= used(site, shop, month) and hour > 3
    assert shop.notices_sent() == ["warning", "exceeded"] or shop.notices_sent() == ["exceeded"]
    notices_sent = shop.notices_sent()
    site.walk(shop.vm)
    assert rate(site, shop) == "3"

    node = site.guest(shop.vm).node
    site.lab.offline(node)
    following = to_next_month(site, 2)
    report = collect(site)
    assert report.errors == 0 and shop.notices_sent() == [*notices_sent, "restored"]  # with no sample at all
    site.hurry(shop.vm)
    assert shop.asked()[-1] == ("SetNetworkRate", "failed")
    site.lab.online(node)
    site.lab.advance(120)
    collect(site)
    site.walk(shop.vm)
    assert rate(site, shop) == "12" and shop.notices_sent() == [*notices_sent, "restored"]
    row = shop.row()
    assert row is not None and (row.month, row.state) == (following, "within")
    assert used(site, shop, month) > 2 * GIB and Vm.get_by_id(shop.vm.id).vm_status == "ready"


def test_a_server_that_does_not_answer_stops_no_quota(stepped_site: Site) -> None:
    site = stepped_site
    shop = Shop.open(site.walk(site.service(site.product(**SPEC), status="Active")))
    shop.use(now(site), 5)
    site.server.failures, site.server.last_error = 9, "no route"
    site.server.save()
    assert collect(site).errors == 1 and shop.notices_sent() == ["exceeded"]
    assert shop.asked() == [("SetNetworkRate", "queued")]
