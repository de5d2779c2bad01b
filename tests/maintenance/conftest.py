"""A ready VM on the simulated cluster, with a plan that allows snapshots, backups and ISO images."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.audit import Actor
from engine.store.models import Run, Vm
from engine.work.task import TaskResources
from tests.pipelines.conftest import PLAN, Site, site, stepped_site

__all__ = ["ME", "PLAN", "last", "site", "stepped_site"]

ME = Actor("tester", "192.0.2.7", "cli")


def last(vm: Vm) -> Run:
    """The newest run of a VM."""
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


@pytest.fixture
def vm(site: Site) -> Vm:
    return site.walk(site.service(site.product(**PLAN), status="Active"))


@pytest.fixture
def done(site: Site) -> Callable[[Vm], Run]:
    """Walk a VM until it rests, and see that what was asked went well."""

    def walk(vm: Vm) -> Run:
        site.walk(vm)
        run = last(vm)
        assert (run.result, run.error) == ("success", "")
        return run

    return walk


@pytest.fixture
def resources(site: Site) -> TaskResources:
    return TaskResources(site.walker.servers, "test", keep_going=lambda: True)
