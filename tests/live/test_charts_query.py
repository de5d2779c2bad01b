"""What a VM used, read over HTTPS from clusters of both versions: points, gaps, figures and peaks."""

from __future__ import annotations

import pytest

from engine.errors import Refused
from engine.queries.charts import METRICS, SPANS, ChartsView, charts
from engine.store.models import Vm
from kvmtui.lab import InjectedFault, Lab
from tests.conftest import Store
from tests.live.conftest import VMID, Make, put, reads
from tests.pipelines.conftest import Site, make_site

STEPS = {
    "8.4": {"hour": 60, "day": 1800, "week": 10_800, "month": 43_200, "year": 604_800},
    "9.0": {"hour": 60, "day": 60, "week": 1800, "month": 1800, "year": 21_600},
}


def known(view: ChartsView, name: str) -> list[float]:
    return [value for point in view.points if (value := getattr(point, name)) is not None]


@pytest.mark.parametrize("version", STEPS)
def test_every_span_is_read_on_the_grid_of_its_version(version: str, sqlite_store: Store) -> None:
    with Lab(nodes=1, speed=0, version=version) as lab:
        for site in make_site(lab):
            vm = ours(site)
            lab.advance(40 * 86_400)
            for span in SPANS:
                view = charts(vm.service_id, span)
                assert view.looked.seen and view.step_s == STEPS[version][span], span
                assert all(len(known(view, name)) > 2 for name in METRICS)
                assert all(0 <= value <= 100 for name in ("cpu", "memory") for value in known(view, name))


def ours(site: Site) -> Vm:
    vm = site.service()
    Vm.update(vmid=VMID, node="pve1", name="vm-one", vm_status="ready", due_at=None).execute()
    put(site.lab, vm)
    return Vm.get_by_id(vm.id)


def test_figures_are_of_what_was_measured(site: Site, made: Make) -> None:
    vm = made()
    site.lab.advance(3600)
    view = charts(vm.service_id)
    assert view.figures is not None
    for name in METRICS:
        figures, values = view.figures[name], known(view, name)
        assert figures.latest == values[-1] and figures.maximum == max(values)
        assert figures.average == pytest.approx(sum(values) / len(values), abs=0.01)


def test_an_hour_off_is_a_gap(site: Site, made: Make) -> None:
    vm = made()
    site.lab.advance(1200)
    site.lab.foreign_power(VMID, "stopped")
    site.lab.advance(1200)
    site.lab.foreign_power(VMID, "running")
    site.lab.advance(1100)
    measured = [point.net_in is not None for point in charts(vm.service_id).points]
    assert measured.index(True) < measured.index(False, measured.index(True)) < len(measured) - 1
    assert measured[-2:] != [False, False]


def test_peaks_are_asked_for_where_a_point_is_an_average_of_hours(site: Site, made: Make) -> None:
    vm = made()
    site.lab.advance(3 * 86_400)
    site.lab.requests.clear()
    assert charts(vm.service_id, "day").peaks is False and reads(site.lab) == ["config", "rrddata"]
    site.lab.requests.clear()
    assert charts(vm.service_id, "week").peaks is True and reads(site.lab) == ["config", "rrddata", "rrddata"]


def test_without_peaks_the_highest_average_stands_for_them(site: Site, made: Make) -> None:
    vm = made()
    site.lab.advance(3 * 86_400)
    site.lab.faults.add(InjectedFault(kind="status", path="rrddata", nth=2, code=500, text="no such RRA"))
    view = charts(vm.service_id, "week")
    assert view.looked.seen and view.peaks is False
    assert view.figures is not None and view.figures["cpu"].maximum == max(known(view, "cpu"))


def test_a_vm_that_was_never_measured_has_no_points(site: Site, made: Make) -> None:
    vm = made()
    site.lab.foreign_power(VMID, "stopped")
    view = charts(vm.service_id)
    assert view.looked.seen and [name for name in METRICS if known(view, name)] == []


def test_a_foreign_guests_usage_is_not_shown(site: Site, made: Make) -> None:
    vm = made(description="by hand")
    view = charts(vm.service_id)
    assert view.looked.state == "foreign" and view.points == ()


def test_there_are_five_spans(site: Site, made: Make) -> None:
    with pytest.raises(Refused, match="hour, day, week, month, year"):
        charts(made().service_id, "decade")
