"""How full nodes, storages and pools are: kept from the one answer a tick reads anyway, with a trend, for a day."""

from __future__ import annotations

import uuid
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import now_ms
from engine.proxmox.overview import ClusterOverview
from engine.queries.capacity import HOUR_MS, SLOT_MS, capacity
from engine.schedule.capacity import DAY_MS, days_until_full, keep
from engine.schedule.process_vms import run
from engine.store import secrets
from engine.store.models import Capacity, Pool, Server
from engine.store.settings import Retention
from engine.work.retention import TABLES, delete_old
from engine.work.servers import Servers
from engine.work.task import TaskResources
from kvmtui.lab import Lab
from tests.conftest import Store

NOW = 1_776_530_400_000  # the beginning of ten minutes


def answer(used: int = 40, memory: int = 10, status: str = "online") -> ClusterOverview:
    """A cluster of two nodes with a shared storage, a local one on each, and one that is not available."""
    nodes = [
        {
            "type": "node",
            "node": name,
            "status": status,
            "maxmem": 100,
            "mem": memory,
            "maxcpu": 4,
            "cpu": 0.25,
        }
        for name in ("pve1", "pve2")
    ]
    storages = [
        {"type": "storage", "storage": name, "node": node, "shared": shared, "disk": used, "maxdisk": 100,
         "status": there}
        for node in ("pve1", "pve2")
        for name, shared, there in (("ceph", 1, "available"), ("local", 0, "available"), ("nfs", 1, "unknown"))
    ]  # fmt: skip
    guest = {"type": "qemu", "vmid": 100, "node": "pve1", "status": "running"}
    return ClusterOverview.of([*nodes, *storages, guest, {"type": "sdn", "node": "pve1"}])


@pytest.fixture
def server(store: Store) -> Server:
    """A server nobody talks to."""
    return Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["127.0.0.1"])


def test_a_later_answer_of_the_same_minutes_replaces_the_first(server: Server) -> None:
    keep(server.id, answer(used=40), NOW)
    keep(server.id, answer(used=41), NOW + SLOT_MS - 1)
    assert Capacity.select().count() == 5  # two nodes, one shared storage, a local one on each node
    assert {row.used for row in Capacity.select().where(Capacity.kind == "storage")} == {41}
    keep(server.id, answer(used=42), NOW + SLOT_MS)
    assert Capacity.select().count() == 10


def test_storages_that_fill_up_say_when(server: Server) -> None:
    for hours in range(25):
        keep(server.id, answer(used=40 + hours), NOW - (24 - hours) * HOUR_MS)
    found = {(each.kind, each.name, each.node): each for each in capacity(NOW)}
    ceph = found["storage", "ceph", ""]
    assert (ceph.used, ceph.percent, ceph.days_left, ceph.soon, ceph.full) == (64, 64, 1.5, True, False)
    assert ceph.alert and not found["node", "pve1", "pve1"].alert
    assert found["node", "pve1", "pve1"].history == [25.0] * 24
    assert ceph.history[-1] == 64.0
    assert [each.days_left for each in capacity(NOW, history=False) if each.kind == "storage"] == [1.5] * 3


def test_an_offline_node_is_an_alert(server: Server) -> None:
    keep(server.id, answer(status="offline"), NOW)
    assert {each.alert for each in capacity(NOW) if each.kind == "node"} == {True}


def test_pools_are_counted_without_a_cluster_that_answers(server: Server) -> None:
    Pool.create(
        server=server, type="IPv4", bridge="vmbr0", gateway="192.0.2.1", mask=24,
        start=ip_address("192.0.2.10"), stop=ip_address("192.0.2.19"),
    )  # fmt: skip
    (pool,) = capacity(NOW)
    assert (pool.kind, pool.used, pool.total, pool.full, pool.history) == ("pool", 0, 10, False, [None] * 24)


def test_a_day_is_kept(server: Server) -> None:
    now = now_ms()
    for hours in (30, 25, 23, 0):
        keep(server.id, answer(), now - hours * HOUR_MS)
    (table,) = [each for each in TABLES if each.table == "capacity"]
    assert delete_old(table, Retention(), lambda: True, 0.0, now) == 10
    assert Capacity.select().count() == 10
    assert delete_old(table, Retention(capacity_days=0), lambda: True, 0.0, now + 9 * DAY_MS) == 0


def test_a_tick_asks_a_cluster_once_and_keeps_it(store: Store, tmp_path: Path) -> None:
    with Lab(nodes=3) as lab:
        uid = str(uuid.uuid4())
        Server.create(
            uid=uid, name="pve", hosts=[lab.host], port=lab.port, tls={"fingerprint": lab.fingerprint},
            token_id=lab.token_id, token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        )  # fmt: skip
        handles = Servers()
        run(TaskResources(handles, "test", lambda: True))
        handles.close()
        asked = [each for each in lab.requests.entries if "cluster/resources" in str(each)]
    assert len(asked) == 1
    assert {each.name for each in capacity() if each.kind == "node"} == {"pve1", "pve2", "pve3"}
    assert "local-lvm" in {each.name for each in capacity() if each.kind == "storage"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a machine under load
@given(
    st.lists(st.integers(0, 10**15), min_size=2, max_size=40),
    st.integers(SLOT_MS, 20 * SLOT_MS),
    st.integers(0, 10**15),
)
def test_any_points_give_a_day_within_a_year_or_none(values: list[int], step: int, total: int) -> None:
    days = days_until_full([(NOW + n * step, value) for n, value in enumerate(values)], total)
    assert days is None or 0 <= days <= 365


@pytest.mark.parametrize(
    ("hours", "growth", "expected"),
    [(5, 1, None), (6, 1, 100 / 24), (24, 0, None), (24, -1, None), (12, 2, 50 / 24)],
)
def test_a_trend_needs_six_hours_and_growth(hours: int, growth: int, expected: float | None) -> None:
    points = [(NOW + n * HOUR_MS, 1000 + growth * n) for n in range(hours + 1)]
    days = days_until_full(points, points[-1][1] + 100)
    assert days == (pytest.approx(expected, abs=0.1) if expected is not None else None)
