"""Suspension: the reason is stored and shown, nothing starts the VM, and its end restores the state before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.actions import maintenance, packages, vms
from engine.audit import Actor
from engine.errors import AlreadySo, Refused
from engine.queries.suspension import suspension_of
from engine.store.models import Run, Service, Vm
from engine.work.requests import queue_of
from tests.pipelines.conftest import Site, site

__all__ = ["site"]

ME = Actor("noc", "192.0.2.7", "cli")


@pytest.fixture
def vm(site: Site) -> Vm:
    return site.walk(site.service(site.product(backups=1, backup_storage="backup")))


@pytest.fixture
def suspended(site: Site, vm: Vm) -> Vm:
    packages.suspend(ME, vm.service_id, "invoice 7 is\nnot paid")
    return site.walk(vm)


def test_the_reason_is_kept_as_long_as_it_lasts(site: Site, suspended: Vm) -> None:
    known = suspension_of(suspended.service_id)
    assert known is not None and (known.who, known.reason) == ("noc", "invoice 7 is not paid")
    packages.unsuspend(ME, suspended.service_id)
    vm = site.walk(suspended)
    assert (site.guest(vm).status, vm.service.status) == ("running", "Active")
    assert suspension_of(vm.service_id) is None


def test_no_reason_is_no_reason(site: Site, vm: Vm) -> None:
    packages.suspend(ME, vm.service_id)
    vm = site.walk(vm)
    with pytest.raises(Refused, match=r"is suspended; unsuspend it before start"):
        vms.power(ME, vm.service_id, "start")


STARTS: dict[str, Callable[[int], Any]] = {
    "start": lambda service: vms.power(ME, service, "start"),
    "reboot": lambda service: vms.power(ME, service, "reboot"),
    "Start": lambda service: vms.run_step(ME, service, "Start"),
    "Reinstall": lambda service: vms.run_step(ME, service, "Reinstall"),
    "reinstall": lambda service: vms.reinstall(ME, service),
    "restore": lambda service: maintenance.restore(ME, service, "backup:x"),
    "password": lambda service: maintenance.reset_password(ME, service),
}


@pytest.mark.parametrize("verb", STARTS)
def test_whatever_would_start_it_is_refused_with_the_reason(site: Site, suspended: Vm, verb: str) -> None:
    with pytest.raises(Refused, match=rf"suspended \(invoice 7 is not paid\); unsuspend it before {verb}"):
        STARTS[verb](suspended.service_id)
    assert not queue_of(suspended.id)


def test_a_stuck_one_is_not_redeployed_while_suspended(site: Site, suspended: Vm) -> None:
    Vm.update(vm_status="clone", error="no space").where(Vm.id == suspended.id).execute()
    with pytest.raises(Refused, match="unsuspend it before redeploy"):
        vms.redeploy(ME, suspended.service_id)


def test_a_start_requested_before_the_suspension_does_not_run_after_it(site: Site, vm: Vm) -> None:
    packages.suspend(ME, vm.service_id)
    vms.power(ME, vm.service_id, "start")
    vm = site.walk(vm)
    assert (site.guest(vm).status, vm.service.status) == ("stopped", "Suspended")
    last = Run.select().order_by(Run.id.desc()).first()
    assert (last.action, last.result) == ("Start", "error") and "suspended" in last.error


def test_unsuspend_starts_it_even_if_it_was_off_before(site: Site, vm: Vm) -> None:
    vms.power(ME, vm.service_id, "stop")
    for ask in (packages.suspend, packages.unsuspend):
        vm = site.walk(vm)
        ask(ME, vm.service_id)
    vm = site.walk(vm)
    assert (site.guest(vm).status, vm.service.status) == ("running", "Active")


def test_a_change_of_package_leaves_it_off_and_suspended(site: Site, suspended: Vm) -> None:
    Service.update(options={"cores": 4}).where(Service.id == suspended.service_id).execute()
    site.ask(suspended, "ChangePackage")
    vm = site.walk(suspended)
    assert (site.guest(vm).status, vm.service.status, site.guest(vm).config["cores"]) == (
        "stopped",
        "Suspended",
        4,
    )


def test_a_reinstall_queued_behind_a_suspension_leaves_the_vm_off(site: Site) -> None:
    vm = site.walk(site.service())
    packages.suspend(ME, vm.service_id, "invoice 7 is not paid")
    vms.reinstall(ME, vm.service_id)
    vm = site.walk(vm)
    while vm.vm_status != "ready" or queue_of(vm.id):
        vm = site.walk(vm)
    assert (vm.vm_status, vm.error, vm.service.status) == ("ready", "", "Suspended")
    assert site.guest(vm).status == "stopped"


def test_a_repeated_suspension_is_already_so(site: Site, suspended: Vm) -> None:
    before = Run.select().count()
    with pytest.raises(AlreadySo, match="already suspended; nothing was changed"):
        packages.suspend(ME, suspended.service_id, "once more")
    known = suspension_of(suspended.service_id)
    assert known is not None and known.reason == "invoice 7 is not paid"
    packages.unsuspend(ME, suspended.service_id)
    with pytest.raises(Refused, match="Unsuspend is queued or running") as refusal:
        packages.suspend(ME, suspended.service_id)
    assert refusal.value.exit_code == 2
    vm = site.walk(suspended)
    assert Run.select().count() == before + 1
    with pytest.raises(AlreadySo, match="Active, not suspended; nothing was changed") as same:
        packages.unsuspend(ME, vm.service_id)
    assert same.value.exit_code == 0


def test_only_an_active_service_is_suspended(site: Site, vm: Vm) -> None:
    Service.update(status="Cancelled").where(Service.id == vm.service_id).execute()
    for ask in (packages.suspend, packages.unsuspend):
        with pytest.raises(Refused) as refusal:
            ask(ME, vm.service_id)
        assert refusal.value.exit_code == 2


def test_a_repeated_termination_is_already_so(site: Site, vm: Vm) -> None:
    packages.terminate(ME, vm.service_id)
    with pytest.raises(AlreadySo, match="already being terminated"):
        packages.terminate(ME, vm.service_id)
    vm = site.walk(vm)
    with pytest.raises(AlreadySo, match="already removed"):
        packages.terminate(ME, vm.service_id)
