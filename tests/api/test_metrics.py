"""Metrics: of the site and of the server, to those who may read them, bounded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.clock import now_ms
from engine.roles import Role
from engine.store.models import Vm
from tests.api.conftest import Api, site, token
from tests.waiting import until

ORDER = {"client": "Acme", "product": "VPS-2"}


def read(api: Api) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Every sample by the name of its series."""
    answer = api.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(
        "text/plain; version=0.0.4"
    )
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_the_site_is_counted(api: Api) -> None:
    site()
    for _ in range(3):
        api.ok("POST", "/api/v1/services", json=ORDER)
    Vm.update(error="no space left", error_since=now_ms() - 60_000).where(Vm.service == 1).execute()
    found = read(api)
    assert ({"status": "creation"}, 3.0) in found["kvmtui_vms"]
    assert found["kvmtui_vms_stuck"] == [({}, 1.0)] and found["kvmtui_vms_stuck_oldest_seconds"][0][1] >= 60
    assert ({"state": "running"}, 3.0) in found["kvmtui_requests_open"]
    made = {"method": "POST", "operation": "create_service", "status": "202"}
    assert (made, 3.0) in found["kvmtui_api_requests_total"]
    tasks = {labels["task"] for labels, _ in found["kvmtui_task_last_run_errors"]}
    assert {"processVirtualMachines", "retention"} <= tasks


def test_no_series_is_per_vm_or_per_path(api: Api) -> None:
    site()
    api.ok("POST", "/api/v1/services", json=ORDER)
    before = sum(map(len, read(api).values()))
    for number in range(20):
        api.ok("POST", "/api/v1/services", json=ORDER)
        api.get(f"/api/v1/services/{number + 1}")
        api.get(f"/nothing/{number}")
    after = read(api)
    assert (
        sum(map(len, after.values())) <= before + 6
    )  # two operations more and `other`, each with its beginning
    labels = {name for samples in after.values() for known, _ in samples for name in known}
    assert labels <= {"status", "state", "server", "pool", "zone", "task", "kind", "token", "result",
                      "method", "operation", "le"}  # fmt: skip


def test_steps_are_counted_as_they_end(api: Api) -> None:
    from engine.work import events

    assert ({"result": "success"}, 0.0) in read(api)["kvmtui_steps_total"]  # it counts from its start on
    events.announce("step", "a step", level="success", data={"seconds": 2.5})
    until(lambda: ({"result": "success"}, 1.0) in read(api)["kvmtui_steps_total"])
    assert read(api)["kvmtui_step_seconds_sum"] == [({}, 2.5)]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_a_proxy_on_this_host_does_not_open_them(api: Api, header: str) -> None:
    del api.http.headers["Authorization"]
    assert api.get("/metrics").status_code == 200  # this machine itself
    api.problem("GET", "/metrics", 401, headers={header: "203.0.113.7"})


def test_the_role_metrics_reads_them_and_nothing_else(serve: Callable[..., Api]) -> None:
    api = serve(token("prometheus", Role.METRICS), behind_proxy=True)
    assert read(api)["kvmtui_vms_stuck"] == [({}, 0.0)]
    api.problem("GET", "/api/v1/services", 403)
    viewer = serve(token("viewer", Role.VIEWER), behind_proxy=True)
    viewer.problem("GET", "/metrics", 403)
    del viewer.http.headers["Authorization"]
    viewer.problem("GET", "/metrics", 401)


def test_no_token_is_in_them(api: Api) -> None:
    api.get("/api/v1/services")
    assert api.token not in api.get("/metrics").text
