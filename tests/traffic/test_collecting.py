"""collectingStatistics against guests whose counters run: hours, stops, moves, missed days, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.proxmox.guest_values import GuestStatus
from engine.queries.traffic import months
from engine.schedule import statistics
from engine.store.models import Traffic, TrafficMark, Vm
from engine.traffic import counters
from engine.traffic.hourly_bytes import CounterReading
from engine.traffic.sampling import count_before_stop
from engine.work.task import TaskReport, TaskResources
from kvmtui.lab import Lab
from kvmtui.lab.usage import moved
from tests.conftest import Store
from tests.pipelines.conftest import Site, make_site

HOUR = 3600.0
PLAIN = {"additional_disk": {"storage": "local-lvm", "size": 0}}


@pytest.fixture
def vm(stepped_site: Site) -> Vm:
    return stepped_site.walk(stepped_site.service(stepped_site.product(**PLAIN), status="Active"))


def collect(site: Site) -> TaskReport:
    """Run the task on the cluster's own time."""
    resources = TaskResources(site.walker.servers, "test", keep_going=lambda: True)
    return statistics.run(resources, clock=lambda: int(site.lab.now() * 1000))


def truth(site: Site, vm: Vm) -> int:
    """What came in really, up to now."""
    world = site.lab.world
    guest, now = world.roster[vm.vmid], site.lab.now()
    return int(sum(moved(world, guest, "netin", start, stop or now) for start, stop in guest.runs))


def billed(vm: Vm) -> int:
    return sum(one.bytes_in for one in months(vm.service_id))


def fastest(site: Site, vm: Vm) -> float:
    """The bytes of the busiest second."""
    world = site.lab.world
    return 1.5 * moved(world, world.roster[vm.vmid], "netin", 0, 3600) / 3600


def test_an_hour_is_counted_once_and_costs_one_request(stepped_site: Site, vm: Vm) -> None:
    site = stepped_site
    other = site.walk(site.service(site.product(**PLAIN)))
    site.lab.advance(HOUR)
    site.lab.requests.clear()
    report = collect(site)
    assert (report.processed, report.errors, report.outcomes, site.lab.requests.count) == (2, 0, [], 1)
    ten_seconds = 11 * fastest(site, vm)
    assert truth(site, vm) - ten_seconds <= billed(vm) <= truth(site, vm)
    before = billed(vm)
    assert collect(site).processed == 0 and billed(vm) == before > 0 and billed(other) > 0


def test_stops_moves_and_missed_days_are_bridged(stepped_site: Site, vm: Vm) -> None:
    site, resets = stepped_site, 0
    for hours, what in (
        (1, "look"),
        (0.4, "restart"),
        (0.6, "look"),
        (7, "restart"),
        (3, "move"),
        (20, "look"),
    ):
        site.lab.advance(hours * HOUR)
        if what == "look":
            assert collect(site).errors == 0
            continue
        resets += 1
        site.lab.foreign_power(vm.vmid, "stopped")
        site.lab.advance(600)
        if what == "move":
            node = site.guest(vm).node
            site.lab.foreign_migrate(vm.vmid, "pve1" if node != "pve1" else "pve2")
        site.lab.foreign_power(vm.vmid, "running")
    # the last three days of the gap are recorded by the half hour
    missing = resets * fastest(site, vm) * (2 * 1800 + 200)
    assert truth(site, vm) - missing <= billed(vm) <= truth(site, vm)
    assert TrafficMark.get().at == int(site.lab.now() * 1000)


def test_a_node_that_is_away_is_counted_when_it_is_back(stepped_site: Site, vm: Vm) -> None:
    site = stepped_site
    site.lab.advance(HOUR)
    site.lab.offline(site.guest(vm).node)
    site.lab.advance(HOUR)
    assert collect(site).processed == 0 and billed(vm) == 0
    site.lab.online(site.guest(vm).node)
    site.lab.advance(60)
    assert collect(site).processed == 1


def test_a_server_that_does_not_answer_is_one_line(stepped_site: Site, vm: Vm) -> None:
    stepped_site.service(stepped_site.product(**PLAIN))
    Vm.update(vmid=vm.vmid + 900, node="pve1", due_at=None).where(Vm.vmid.is_null()).execute()
    stepped_site.server.failures, stepped_site.server.last_error = 9, "no route"
    stepped_site.server.save()
    report = collect(stepped_site)
    assert (report.processed, report.errors, len(report.outcomes)) == (2, 2, 1)
    assert "no route" in report.outcomes[0].result


def test_two_engines_that_count_at_once_count_once(stepped_site: Site, vm: Vm) -> None:
    (counted_vm,) = counters.counted_vms(vm.server_id)
    now = CounterReading(counted_vm.last.at + 600_000, 5_000, 500, 590)
    assert [counters.keep([counters.bytes_of(counted_vm, now)]) for _ in range(2)] == [1, 0]
    assert [(one.bytes_in, one.bytes_out) for one in months(vm.service_id)] == [(5_000, 500)]


def test_a_guest_that_ran_before_it_was_ours_begins_at_nothing(stepped_site: Site, vm: Vm) -> None:
    site = stepped_site
    site.lab.advance(5 * HOUR)
    Vm.update(created_at=int(site.lab.now() * 1000)).execute()
    site.lab.advance(70)
    collect(site)
    assert billed(vm) == 0 and TrafficMark.select().count() == 1
    site.lab.advance(HOUR)
    collect(site)
    assert 0 < billed(vm) < 2 * HOUR * fastest(site, vm)


@pytest.fixture
def live_site(sqlite_store: Store) -> Iterator[Site]:
    """A site on a cluster whose time is ours and whose tasks take none."""
    with Lab(nodes=1, speed=0) as lab:
        yield from make_site(lab)


def test_a_stop_of_ours_counts_before_the_counters_end(live_site: Site) -> None:
    site = live_site
    vm = site.walk(site.service(site.product(**PLAIN), status="Active"))
    begun = Traffic.select().count()
    site.ask(vm, "Stop")
    site.walk(vm)
    assert site.guest(vm).status == "stopped" and begun == 0
    mark = TrafficMark.get()
    # an overview from before the stop tells of counters that were counted already
    old = GuestStatus(
        "running", "running", None, False, mark.uptime, 1, 0, 0, 0, mark.net_in - 1, mark.net_out, 0, 0
    )
    counted = billed(vm)
    count_before_stop(vm, site.walker.servers.cluster(site.server), old)  # type: ignore[arg-type]
    assert billed(vm) == counted == mark.net_in > 0
