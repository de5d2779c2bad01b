"""The suspension of a traffic quota: when it is due and possible, ended by itself, and no other suspension with it."""

from __future__ import annotations

import pytest

from engine.actions import packages, services, vms
from engine.errors import AlreadySo, Refused
from engine.forms.service import OptionsForm
from engine.queries.quota import quota_of
from engine.queries.suspension import suspension_of
from engine.store.database import session
from engine.store.models import Run, TaskState, TrafficQuota, Vm
from tests.pipelines.conftest import Site
from tests.traffic.quota_site import (
    DEC,
    JAN,
    ME,
    NOV,
    SHOP,
    SUSPEND,
    THROTTLE,
    _recorded,
    hold,
    opened,
    rate,
    site,
    status,
    work,
)
from tests.traffic.shop import Shop

__all__ = ["_recorded", "site"]


def test_a_suspension_ends_with_the_month(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status, hold(shop)) == ("Suspended", "stopped", "on")
    known = suspension_of(shop.service)
    assert known is not None and (known.who, known.reason) == (
        "engine",
        "Traffic quota of 100 GiB for 2026-11 is used up",
    )
    with pytest.raises(Refused, match=r"is suspended .Traffic quota of 100 GiB"):
        vms.power(ME, shop.service, "start")
    assert shop.look(NOV) == 0
    shop.look(DEC)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status, hold(shop)) == ("Active", "running", "")
    assert shop.asked() == [("Suspend", "done"), ("Unsuspend", "done")]
    assert shop.notices_sent() == ["exceeded", "restored"] and shop.look(DEC) == 0
    assert shop.suspensions() == ["suspended", "unsuspended"]


def test_bought_traffic_ends_a_suspension_and_the_statistics_run_at_once(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 120)
    work(site, shop)
    TaskState.insert(name="collectingStatistics", interval_minutes=60, last_run_at=NOV).execute()
    packages.change_package(SHOP, shop.service, options={"traffic_gib": 200})
    assert TaskState.get(TaskState.name == "collectingStatistics").last_run_at is None
    shop.look(NOV)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status) == ("Active", "running")
    assert shop.notices_sent() == ["exceeded", "restored"]
    # without the override the service is over its quota again: suspended again, no second notice
    services.set_options(shop.service, OptionsForm(), SHOP)
    shop.look(NOV)
    work(site, shop)
    assert status(shop) == "Suspended" and shop.notices_sent() == ["exceeded", "restored"]


def test_traffic_bought_before_the_suspension_began_withdraws_it(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 120)
    services.set_options(shop.service, OptionsForm(traffic_gib=200), SHOP)
    shop.look(NOV)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status, hold(shop)) == ("Active", "running", "")
    assert shop.asked() == [("Suspend", "done")] and site.steps(shop.vm)[-1][1] == "skip"
    assert shop.suspensions() == []


def test_traffic_bought_while_the_vm_shuts_down_starts_it_again(stepped_site: Site) -> None:
    site = stepped_site
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 120)
    site.once(shop.vm)
    assert hold(shop) == "on" and Vm.get_by_id(shop.vm.id).wait_kind == "task"
    shop.look(NOV)
    assert shop.asked() == [("Suspend", "running")]
    shop.option(traffic_gib=200)
    shop.look(NOV)
    assert hold(shop) == "ending"
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status, hold(shop)) == ("Active", "running", "")


def test_an_operator_who_unsuspends_is_not_overruled_this_month(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    packages.unsuspend(ME, shop.service)
    work(site, shop)
    assert (status(shop), hold(shop)) == ("Active", "waived")
    assert shop.spend(NOV, 500) == [] and status(shop) == "Active" and quota_of(shop.service, NOV).waived  # type: ignore[union-attr]
    assert shop.spend(DEC, 100) == ["exceeded"]
    work(site, shop)
    assert status(shop) == "Suspended"


@pytest.mark.parametrize("first", ["operator", "quota"])
def test_a_suspension_by_somebody_else_is_never_undone(site: Site, first: str) -> None:
    shop = opened(site, **SUSPEND)
    if first == "operator":
        packages.suspend(SHOP, shop.service, "not paid")
        shop.spend(NOV, 100)  # before and after it was carried out
        work(site, shop)
        shop.look(NOV)
    else:
        shop.spend(NOV, 100)
        work(site, shop)
        said = packages.suspend(SHOP, shop.service, "not paid")
        assert said.request_id
    work(site, shop)
    assert suspension_of(shop.service).reason == "not paid"  # type: ignore[union-attr]
    with pytest.raises(AlreadySo):
        packages.suspend(SHOP, shop.service, "not paid")
    shop.look(DEC)
    work(site, shop)
    assert (status(shop), hold(shop)) == ("Suspended", "")
    packages.unsuspend(SHOP, shop.service)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status) == ("Active", "running")


def test_a_suspension_requested_while_the_quota_ends_its_own_stays(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    shop.look(DEC)
    packages.suspend(SHOP, shop.service, "not paid")
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status) == ("Suspended", "stopped")
    assert shop.asked() == [("Suspend", "done"), ("Unsuspend", "done")]
    assert shop.suspensions() == ["suspended", "suspended"]  # it did not run in between


def test_who_ends_a_suspension_of_their_own_does_not_waive_the_quota(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    packages.suspend(SHOP, shop.service, "not paid")
    packages.unsuspend(SHOP, shop.service)
    work(site, shop)
    assert (status(shop), hold(shop)) == ("Active", "")
    shop.look(NOV)
    work(site, shop)
    assert (status(shop), hold(shop), shop.notices_sent()) == ("Suspended", "on", ["exceeded"])


def test_an_unpaid_service_that_is_over_its_quota_is_suspended_again_once_it_is_paid(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    packages.suspend(SHOP, shop.service, "not paid")
    work(site, shop)
    shop.spend(NOV, 100)
    packages.unsuspend(SHOP, shop.service)
    work(site, shop)
    assert status(shop) == "Active"
    shop.look(NOV)
    work(site, shop)
    assert status(shop) == "Suspended" and suspension_of(shop.service).who == "engine"  # type: ignore[union-attr]


def test_a_node_away_over_the_month_turn_loses_nothing(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    node = site.guest(shop.vm).node
    site.lab.offline(node)
    shop.look(DEC)
    site.hurry(shop.vm)
    assert status(shop) == "Suspended" and shop.asked()[-1] == ("Unsuspend", "failed")
    shop.look(DEC)
    site.hurry(shop.vm)
    site.lab.online(node)
    shop.use(NOV, 50)  # counted late, and of a month that is over
    shop.look(DEC)
    work(site, shop)
    assert (status(shop), site.guest(shop.vm).status, hold(shop)) == ("Active", "running", "")
    assert shop.notices_sent() == ["exceeded", "restored"]


def test_a_stopped_vm_is_suspended_as_well(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    site.ask(shop.vm, "Stop")
    work(site, shop)
    shop.spend(NOV, 100)
    work(site, shop)
    assert status(shop) == "Suspended"


def test_a_vm_being_deployed_is_suspended_when_it_is_ready(site: Site) -> None:
    vm = site.service(site.product(**SUSPEND))
    shop = Shop.open(vm)
    shop.spend(NOV, 100)  # of the VM it had before its redeploy
    assert shop.asked() == [] and shop.notices_sent() == ["exceeded"]
    site.walk(vm)
    shop.look(NOV)
    work(site, shop)
    assert status(shop) == "Suspended"


def test_a_stuck_vm_is_suspended_once_it_works_again(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    Vm.update(vm_status="cp_network", error="stuck", due_at=1 << 60).where(Vm.id == shop.vm.id).execute()
    shop.spend(NOV, 100)
    shop.look(NOV)
    assert shop.asked() == [("Suspend", "queued")]
    site.again(shop.vm)
    assert status(shop) == "Suspended" and shop.asked() == [("Suspend", "done")]


def test_a_withdrawn_suspension_is_requested_again(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    vms.reset(ME, shop.service, "ready")
    assert shop.asked() == [("Suspend", "withdrawn")]
    shop.look(NOV)
    work(site, shop)
    assert status(shop) == "Suspended" and shop.notices_sent() == ["exceeded"]


def test_a_backup_that_runs_makes_the_suspension_wait(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    Vm.update(flow={"pipeline": "Backup"}).where(Vm.id == shop.vm.id).execute()
    shop.spend(NOV, 100)
    assert shop.asked() == [] and hold(shop) == "due"
    Vm.update(flow={}).where(Vm.id == shop.vm.id).execute()
    shop.look(NOV)
    work(site, shop)
    assert status(shop) == "Suspended" and shop.notices_sent() == ["exceeded"]


def test_a_terminated_service_is_left_alone(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    packages.terminate(ME, shop.service)
    assert shop.look(DEC) == 0
    work(site, shop)
    assert status(shop) == "Terminated" and shop.asked() == [("Suspend", "withdrawn")]
    shop.look(JAN)
    assert shop.row() is None and shop.notices_sent() == ["exceeded"] and quota_of(shop.service, JAN) is None


def test_another_action_takes_the_place_of_the_old_one(site: Site) -> None:
    shop = opened(site, **SUSPEND)
    shop.spend(NOV, 100)
    work(site, shop)
    shop.sell(traffic_action="throttle", traffic_throttle_mbs=3)
    shop.look(NOV)
    work(site, shop)
    assert (status(shop), rate(site, shop), hold(shop)) == ("Active", "3", "")
    shop.sell(traffic_action="notify")
    shop.look(NOV)
    work(site, shop)
    assert rate(site, shop) == "12" and shop.notices_sent() == ["exceeded"]


def test_an_engine_killed_after_the_call_finishes_what_it_began(site: Site) -> None:
    shop = opened(site, **THROTTLE)
    shop.spend(NOV, 100)
    site.once(shop.vm)  # begins the request
    Vm.update(lease_owner="dead", lease_until=0, fence=Vm.fence + 1, due_at=1).where(
        Vm.id == shop.vm.id
    ).execute()
    work(site, shop)
    assert rate(site, shop) == "3" and shop.asked() == [("SetNetworkRate", "done")]
    with session():
        assert TrafficQuota.get().card_mbs == 3
        assert Run.select().where(Run.action == "SetNetworkRate").count() == 1
