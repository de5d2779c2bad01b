"""The throttle of a traffic quota: set when it is due and possible, lifted by itself."""

from __future__ import annotations

import pytest

from engine.actions import vms
from engine.queries.live import live
from engine.queries.quota import quota_of
from engine.store.models import Vm
from tests.pipelines.conftest import Site
from tests.traffic.quota_site import (
    DEC,
    ME,
    NOV,
    THROTTLE,
    _recorded,
    opened,
    rate,
    site,
    work,
)

__all__ = ["_recorded", "site"]


def test_a_throttle_begins_with_the_quota_and_ends_with_the_month(site: Site) -> None:
    shop = opened(site, **THROTTLE)
    assert rate(site, shop) == "12"
    shop.spend(NOV, 100)
    work(site, shop)
    assert rate(site, shop) == "3" and site.guest(shop.vm).status == "running"
    assert live(shop.service).drift == ()
    view = quota_of(shop.service, NOV)
    assert view is not None and (view.state, view.throttled, view.percent) == ("exceeded", True, 100)
    shop.look(NOV)
    assert shop.asked() == [("SetNetworkRate", "done")]
    shop.look(DEC)
    work(site, shop)
    assert rate(site, shop) == "12" and shop.notices_sent() == ["exceeded", "restored"]
    assert shop.look(DEC) == 0 and shop.asked() == [("SetNetworkRate", "done")] * 2


def test_a_package_slower_than_the_throttle_stays_as_it_is(site: Site) -> None:
    shop = opened(site, **{**THROTTLE, "traffic_throttle_mbs": 50})
    shop.spend(NOV, 100)
    work(site, shop)
    assert rate(site, shop) == "12"
    shop.sell(network={"bandwidth": 0})
    site.ask(shop.vm, "ChangePackage")
    work(site, shop)
    assert rate(site, shop) == "50" and live(shop.service).drift == ()


@pytest.mark.parametrize("what", ["ChangePackage", "Reinstall", "Redeploy"])
def test_a_rebuilt_vm_keeps_a_throttle_that_is_due(site: Site, what: str) -> None:
    shop = opened(site, **THROTTLE)
    shop.spend(NOV, 100)
    work(site, shop)
    if what == "Redeploy":
        Vm.update(vm_status="set_network").where(Vm.id == shop.vm.id).execute()
        vms.redeploy(ME, shop.service)
    else:
        site.ask(shop.vm, what)
    work(site, shop)
    assert rate(site, shop) == "3" and live(shop.service).drift == ()


@pytest.mark.parametrize("due", [True, False])
def test_a_change_of_package_under_way_neither_lifts_nor_leaves_a_throttle(site: Site, due: bool) -> None:
    shop = opened(site, **THROTTLE)
    if not due:
        shop.spend(NOV, 100)
        work(site, shop)
    Vm.update(vm_status="cp_network", due_at=1).where(
        Vm.id == shop.vm.id
    ).execute()  # its card is set already
    shop.spend(NOV if due else DEC, 100 if due else 0)
    work(site, shop)
    assert Vm.get_by_id(shop.vm.id).vm_status == "ready"
    assert rate(site, shop) == ("3" if due else "12")


def test_a_rollback_to_before_the_throttle_is_noticed(site: Site) -> None:
    shop = opened(site, **{**THROTTLE, "snapshots": 2})
    site.ask(shop.vm, "Snapshot", name="kvmtui-before")
    work(site, shop)
    shop.spend(NOV, 100)
    work(site, shop)
    site.ask(shop.vm, "Rollback", name="kvmtui-before")
    work(site, shop)
    assert rate(site, shop) == "12"
    shop.look(NOV)
    work(site, shop)
    assert rate(site, shop) == "3" and shop.notices_sent() == ["exceeded"]


def test_a_rate_that_could_not_be_set_is_set_later(site: Site) -> None:
    shop = opened(site, **THROTTLE)
    site.lab.offline(site.guest(shop.vm).node)
    shop.spend(NOV, 100)
    site.hurry(shop.vm)
    assert shop.asked()[0] == ("SetNetworkRate", "failed") and shop.row().card_mbs == 0  # type: ignore[union-attr]
    site.lab.online(site.guest(shop.vm).node)
    shop.look(NOV)
    work(site, shop)
    assert rate(site, shop) == "3" and shop.notices_sent() == ["exceeded"]
