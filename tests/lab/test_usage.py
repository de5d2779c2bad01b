"""Usage that moves with virtual time, charts on each version's grid, and the broadcast that is ten seconds old."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

VM = "/nodes/pve1/qemu/100"


def shown(call: Any, vmid: int) -> dict[str, Any] | None:
    return next((item for item in call.get("/cluster/resources", type="vm") if item["vmid"] == vmid), None)


def test_counters_grow_and_start_again_at_every_boot(slow: Any) -> None:
    before = slow.get(f"{VM}/status/current")
    slow.lab.advance(600)
    after = slow.get(f"{VM}/status/current")
    for counter in ("netin", "netout", "diskread", "diskwrite", "uptime"):
        assert after[counter] > before[counter], counter
    stop = slow("POST", f"{VM}/status/stop").data
    slow.lab.advance(10)
    assert slow.ended(stop) == "OK"
    off = slow.get(f"{VM}/status/current")
    assert (off["netin"], off["uptime"], off["cpu"], off["mem"]) == (0, 0, 0, 0)
    slow("POST", f"{VM}/status/start")
    slow.lab.advance(60)
    again = slow.get(f"{VM}/status/current")
    assert 0 < again["netin"] < before["netin"]


@pytest.mark.parametrize(
    ("version", "frame", "points", "step"),
    [
        ("8", "hour", 60, 60),
        ("8", "day", 70, 1800),
        ("8", "year", 70, 604_800),
        ("9", "hour", 60, 60),
        ("9", "day", 1440, 60),
        ("9", "week", 336, 1800),
    ],
)
def test_charts(start: Any, version: str, frame: str, points: int, step: int) -> None:
    call = start(version=version)
    found = call.get(f"{VM}/rrddata", timeframe=frame, cf="AVERAGE")
    assert len(found) == points
    assert {later["time"] - earlier["time"] for earlier, later in itertools.pairwise(found)} == {step}
    newest = found[-1]
    assert newest["netin"] > 0
    assert newest["maxmem"] == 2048 * 1024**2
    assert ("memhost" in newest) == (version == "9")


def test_a_chart_has_gaps_where_there_was_no_vm(slow: Any) -> None:
    slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300)
    slow.lab.advance(1200)
    points = slow.get("/nodes/pve1/qemu/300/rrddata", timeframe="hour")
    assert set(points[0]) == {"time"}
    assert "maxmem" in points[-1]
    assert "netin" not in points[-1]
    assert set(slow.get(f"{VM}/rrddata", timeframe="year")[0]) == {"time"}


def test_the_charts_agree_with_the_counters(slow: Any) -> None:
    first = slow.get(f"{VM}/status/current")["netin"]
    slow.lab.advance(3600)
    last = slow.get(f"{VM}/status/current")["netin"]
    points = slow.get(f"{VM}/rrddata", timeframe="hour")
    assert sum(p["netin"] * 60 for p in points) == pytest.approx(last - first, rel=0.05)


def test_resources_are_up_to_ten_seconds_old(slow: Any) -> None:
    now = slow.lab.now()
    slow.lab.advance(10 - now % 10 + 0.5)
    slow("POST", "/nodes/pve1/qemu/9000/clone", newid=300, name="web")
    slow.lab.advance(0.1)
    item = shown(slow, 300)
    assert item is not None
    assert (item["status"], item["lock"], "name" in item) == ("unknown", "clone", False)
    slow.lab.advance(4)
    item = shown(slow, 300)
    assert item is not None
    assert (item["status"], "lock" in item) == ("unknown", False)
    slow.lab.advance(6)
    item = shown(slow, 300)
    assert item is not None
    assert (item["status"], item["name"]) == ("stopped", "web")
    upid = slow("POST", "/nodes/pve1/qemu/300/status/start").data
    slow.lab.advance(8.5)
    assert slow.ended(upid) == "OK"
    while slow.lab.now() % 10 > 8:
        slow.lab.advance(1)
    assert slow.get("/nodes/pve1/qemu/300/status/current")["status"] == "running"
    slow.lab.advance(10)
    item = shown(slow, 300)
    assert item is not None
    assert item["status"] == "running"


def test_nodes_differ_in_free_memory(call: Any) -> None:
    nodes = {n["node"]: n["maxmem"] - n["mem"] for n in call.get("/nodes")}
    assert sorted(nodes, key=lambda name: -nodes[name]) == ["pve2", "pve1", "pve3"]
    assert call.get("/nodes/pve2/status")["memory"]["total"] == 128 * 1024**3
