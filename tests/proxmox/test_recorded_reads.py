"""Every answer a real node gave to a read is understood: a value from a 200, a ProxmoxError from anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.proxmox import Cluster, ProxmoxError
from engine.proxmox.guest_view import GuestView

_HERE = Path(__file__).resolve()
RECORDED = next(
    (found for up in _HERE.parents if (found := up / "shared" / "data" / "pve-real").exists()), _HERE / "none"
)
UPID = "UPID:pve1:00001234:0000ABCD:6923F7A1:qmstart:2001:kvmtui@pve!console:"
Read = Callable[[Cluster, str, int], object]
READS: tuple[tuple[str, Read], ...] = (
    ("/access/permissions", lambda c, node, vmid: c.permissions()),
    ("/cluster/firewall/options", lambda c, node, vmid: c.firewall_baseline()),
    ("/cluster/nextid", lambda c, node, vmid: c.next_id_free(vmid)),
    ("/cluster/resources", lambda c, node, vmid: (c.resources(), c.overview())),
    ("/nodes", lambda c, node, vmid: c.nodes()),
    ("/version", lambda c, node, vmid: c.version()),
    ("/nodes/NODE/network", lambda c, node, vmid: c.bridges(node)),
    ("/nodes/NODE/storage", lambda c, node, vmid: c.storages(node)),
    ("/nodes/NODE/storage/backup/content", lambda c, node, vmid: c.backups(node, "backup", vmid)),
    ("/nodes/NODE/storage/(iso|local)/content", lambda c, node, vmid: c.iso_images(node, "iso")),
    ("/nodes/NODE/tasks", lambda c, node, vmid: (c.active_tasks(node), c.recent_tasks(node, since_ms=0))),
    ("/nodes/NODE/tasks/UPID/status", lambda c, node, vmid: c.task_state(UPID)),
    ("/nodes/NODE/tasks/UPID/log", lambda c, node, vmid: c.task_log(UPID)),
    ("/nodes/NODE/time", lambda c, node, vmid: c.clock_skew(node)),
    ("/nodes/NODE/qemu/N/config", lambda c, node, vmid: c.guest_config(node, vmid)),
    ("/nodes/NODE/qemu/N/pending", lambda c, node, vmid: GuestView(c, vmid, node).pending()),
    ("/nodes/NODE/qemu/N/rrddata", lambda c, node, vmid: GuestView(c, vmid, node).rrddata("hour")),
    ("/nodes/NODE/qemu/N/snapshot", lambda c, node, vmid: GuestView(c, vmid, node).snapshots()),
    ("/nodes/NODE/qemu/N/status/current", lambda c, node, vmid: GuestView(c, vmid, node).status()),
)
# Errors that are an answer: a number in use, a firewall the login may not read, a guest too young for charts.
ANSWERED = {
    ("/cluster/nextid", 400),
    ("/cluster/firewall/options", 403),
    ("/nodes/NODE/qemu/N/rrddata", 500),
}


def _exchanges(version: str) -> list[dict[str, Any]]:
    lines = (RECORDED / f"{version}.jsonl").read_text().splitlines()
    found = [one for one in map(json.loads, lines) if one["method"] == "GET"]
    for one in found:
        body = one.setdefault("body", None)
        if isinstance(body, dict) and isinstance(body.get("data"), list):
            body["data"] = [row for row in body["data"] if isinstance(row, dict)]  # “…” for what was left out
    return found


def _kind(path: str) -> str:
    bare = path.partition("?")[0].removeprefix("/api2/json")
    return re.sub(r"UPID[^/]*", "UPID", re.sub(r"/qemu/\d+", "/qemu/N", re.sub(r"/pve\d", "/NODE", bare)))


def _reader(kind: str) -> Read | None:
    return next((read for pattern, read in READS if re.fullmatch(pattern, kind)), None)


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings of real nodes are not here")
@pytest.mark.parametrize("version", ["8.4", "9.2"])
def test_every_recorded_read_is_understood(serve: Any, connect: Any, world: Any, version: str) -> None:
    given: dict[str, Any] = {}

    def answer(seen: Any) -> Any:
        body = given["body"] if isinstance(given["body"], dict) else {}
        return world.reply(
            data=body.get("data"),
            status=given["status"],
            reason=given["reason"],
            message=body.get("message"),
            errors=body.get("errors"),
        )

    cluster = connect(serve(answer))
    wrong: list[tuple[str, int, str]] = []
    read_ones = 0
    for given in _exchanges(version):
        kind, status = _kind(given["path"]), given["status"]
        read = _reader(kind)
        if read is None:
            continue
        read_ones += 1
        try:
            read(cluster, "pve1", 2001)
        except ProxmoxError as error:
            if status == 200:
                wrong.append((kind, status, error.sentence))
        else:
            if status != 200 and (kind, status) not in ANSWERED:
                wrong.append((kind, status, "no error"))
    assert wrong == []
    assert read_ones > 30
