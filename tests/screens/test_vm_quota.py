"""A traffic quota on the page of a VM and on the dashboard."""

from __future__ import annotations

from engine.actions import traffic_quota
from engine.clock import now_ms
from engine.queries.dashboard import dashboard
from engine.store.database import session
from engine.store.models import Service, Traffic, Vm
from engine.work.task import TaskReport
from tests.conftest import Store
from tests.screens.console_site import console, fill, settle
from tests.screens.pressing import words

GIB = 2**30
SERVICE = 5546


def use(gib: int) -> None:
    """Give the service a quota of 100 GiB, count so much in this month, and enforce it."""
    with session():
        options = {"traffic_gib": 100, "traffic_action": "throttle", "traffic_throttle_mbs": 3}
        Service.update(options=options, status="Active").where(Service.id == SERVICE).execute()
        vm = Vm.get(Vm.service == SERVICE)
        Traffic.insert(vm=vm.id, service=SERVICE, hour=now_ms(), bytes_in=gib * GIB).execute()
    traffic_quota.enforce_all(now_ms(), TaskReport())


async def test_the_page_of_a_vm_has_a_bar_and_the_dashboard_a_line(sqlite_store: Store) -> None:
    fill()
    use(120)
    (line,) = [each for each in dashboard().pending if each.what == "over traffic quota"]
    assert (line.number, line.late, line.opens.key) == (1, False, SERVICE)
    assert line.detail.endswith(": throttled")
    async with console().run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        await pilot.app.open_vm(SERVICE)  # type: ignore[attr-defined]
        await settle(pilot)
        said = words(pilot)
    assert "120 % !" in said and "120.0 GiB of 100.0 GiB" in said and "throttled to 3 MB/s" in said
