"""Which VMs differ from their last applied state: recorded from the response that a tick reads anyway."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from engine.clock import now_ms
from engine.plan import effective
from engine.proxmox.overview import ClusterOverview
from engine.queries import usage
from engine.queries.dashboard import dashboard
from engine.queries.drifted import drifted
from engine.queries.metrics import gauges
from engine.queries.vm_list import VmQuestion, page
from engine.schedule import drift
from engine.store import kept
from engine.store.models import Client, Product, Server, Service, Setting, Vm
from tests.conftest import Store

MIN = 60_000
GIB, MIB = 1024**3, 1024**2
SPEC = {"cores": 2, "sockets": 1, "memory": 2048, "system_disk": {"size": 20}}


@pytest.fixture
def server(store: Store) -> Server:
    """Three VMs that have what their product says, for some time."""
    drift.forget()
    server = Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["127.0.0.1"])
    product = Product.create(name="VPS-2", server=server, spec=SPEC)
    client = Client.create(name="Acme")
    for number in range(3):
        service = Service.create(id=10 + number, client=client, product=product, status="Active")
        Vm.create(
            uid=f"v-{number}", service=service, server=server, vmid=100 + number, node="pve1",
            name=f"vps-{10 + number}", vm_status="ready", plan=effective(SPEC, {}).as_dict(),
            updated_at=now_ms() - 10 * MIN,
        )  # fmt: skip
    return server


def answer(*numbers: int, node_cpus: int = 32, **changes: Any) -> ClusterOverview:
    """The cluster with these guests as their product says, except for the changes to the first one."""
    guests = [
        {"type": "qemu", "vmid": number, "node": "pve1", "status": "running", "maxcpu": 2, "cpu": 0.25,
         "mem": 512 * MIB, "maxmem": 2048 * MIB, "maxdisk": 20 * GIB}
        for number in numbers
    ]  # fmt: skip
    guests[0] |= changes
    node = {"type": "node", "node": "pve1", "status": "online", "maxcpu": node_cpus}
    return ClusterOverview.of([*guests, node])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"maxcpu": 4}, "4 cores instead of 2"),
        ({"maxcpu": 1, "maxmem": 4096 * MIB}, "1 core instead of 2, 4096 MiB of memory instead of 2048"),
        ({"maxdisk": 10 * GIB}, "system disk 10 GiB instead of 20"),
        ({"maxdisk": 40 * GIB}, ""),  # disks only grow
        ({"maxcpu": 4, "status": "unknown"}, ""),  # its node does not report
        ({"maxcpu": 1, "node_cpus": 1}, ""),  # Proxmox reports no more than the node has
        ({"maxcpu": 0, "maxmem": 0, "maxdisk": 0}, ""),  # not reported
    ],
)
def test_a_difference_is_named(changes: dict[str, Any], expected: str, server: Server) -> None:
    drift.compare(server, answer(100, 101, 102, **changes))
    assert drifted().differences == ({10: expected} if expected else {})


def test_a_guest_that_is_gone_has_drifted(server: Server) -> None:
    drift.compare(server, answer(100, 102))
    assert drifted().differences == {11: "no VM on the cluster"}


def test_a_changed_product_is_a_pending_change(server: Server) -> None:
    Product.update(spec=SPEC | {"memory": 4096}).execute()
    drift.compare(server, answer(100, 101, 102))
    assert drifted().total == 0  # equal to the applied state
    drift.forget()
    drift.compare(server, answer(100, 101, 102, maxmem=4096 * MIB))
    assert drifted().total == 0  # as the product says now
    drift.forget()
    drift.compare(server, answer(100, 101, 102, maxmem=1024 * MIB))
    assert drifted().differences == {10: "1024 MiB of memory instead of 2048"}


@pytest.mark.parametrize(
    "state", [{"vm_status": "cp_stop"}, {"due_at": 1}, {"error": "x"}, {"updated_at": 1 << 60}]
)
def test_a_vm_at_work_is_not_compared(state: dict[str, Any], server: Server) -> None:
    Vm.update(**state).where(Vm.service == 10).execute()
    drift.compare(server, answer(100, 101, 102, maxcpu=4))
    assert drifted().total == 0


def test_what_has_drifted_is_compared_at_every_tick_and_the_rest_every_ten_minutes(server: Server) -> None:
    now = now_ms()
    drift.compare(server, answer(100, 101, 102, maxcpu=4), now)
    assert list(drifted().differences) == [10]
    drift.compare(
        server, answer(101, 100, 102, maxcpu=4), now + MIN
    )  # 10 was repaired; 11 is not compared yet
    assert drifted().total == 0
    drift.compare(server, answer(101, 100, 102, maxcpu=4), now + 2 * MIN)
    assert drifted().total == 0
    drift.compare(server, answer(101, 100, 102, maxcpu=4), now + 11 * MIN)
    assert list(drifted().differences) == [11]


def test_more_are_counted_than_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST", 2)
    now = now_ms()
    nothing = ClusterOverview.of([{"type": "node", "node": "pve1", "status": "online"}])
    drift.compare(server, nothing, now)
    assert (drifted().total, list(drifted().differences)) == (3, [10, 11])
    drift.compare(server, answer(100, 102), now + MIN)
    assert (drifted().total, list(drifted().differences)) == (2, [11])


def test_an_unchanged_cluster_writes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    drift.compare(server, answer(100, 101, 102, maxcpu=4))
    monkeypatch.setattr(kept, "in_transaction", lambda work: pytest.fail("it wrote"))
    for _ in range(2):
        drift.forget()
        drift.compare(server, answer(100, 101, 102, maxcpu=4))


def test_drift_is_found_by_every_way_in(server: Server) -> None:
    drift.compare(server, answer(100, 101, 102, maxcpu=4))
    assert [view.service_id for view in page(VmQuestion("is:drifted"), 0, 9)] == [10]
    (line,) = [each for each in dashboard().pending if each.what == "drift"]
    assert (line.number, line.detail, line.late) == (1, "vps-10: 4 cores instead of 2", True)
    assert (line.opens.screen, line.opens.filter) == ("vms", "is:drifted")
    assert {each.name: each.samples for each in gauges()}["vms_drifted"] == [((), 1.0)]
    Server.update(uid="another").execute()  # a note of a server that is gone counts nothing
    assert drifted().total == 0 and Setting.select().where(Setting.key.startswith("kept.drift")).count() == 1


def test_usage_is_of_this_process_and_fresh(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    usage.forget()
    assert not usage.is_read() and usage.usage_of("pve", 100) is None
    usage.remember("pve", answer(100, 101, status="stopped").guests)
    seen = usage.usage_of("pve", 101)
    assert seen is not None
    assert (seen.cpu_percent, seen.memory_used, seen.memory) == (25, 512 * MIB, 2048 * MIB)
    assert usage.usage_of("pve", 100) is None and usage.usage_of("other", 101) is None
    monkeypatch.setattr(usage, "now_ms", lambda: now_ms() + usage.FRESH_MS + 1000)
    assert usage.usage_of("pve", 101) is None
    usage.forget()
