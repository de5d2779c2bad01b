"""What the tabs of a VM would have read from a cluster, as fixed values for pictures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from engine.queries.allowance import Allowance
from engine.queries.charts import METRICS, ChartsView, Figures, Point
from engine.queries.drift import CardFacts, DiskFacts, Drift, fact
from engine.queries.live import GuestState, GuestUsage, LiveView, Throughput
from engine.queries.maintenance import BackupView, IsoView, ScheduleView, SnapshotView
from engine.queries.observation import Observation
from screens.vm.tabs.cluster_tab import ClusterReading
from tests.screens.console_site import HOSTILE, HOUR, NOW

GIB = 2**30
LOOKED = Observation(5546, "pve-waw1", "pve1", 2000, "seen", "", "ours", NOW, 12)
PAUSED = Observation(
    5546,
    "pve-waw1",
    "pve1",
    2000,
    "paused",
    "Server pve-waw1 is paused, so nothing is asked of it.",
    "unknown",
    NOW,
)
ALLOWED = Allowance("VPS-1", "ready", True, 3, 5, 2, "backup", "iso", ())


def live() -> LiveView:
    """A VM that runs, with what drifted, what waits for a start, and a disk that is larger than in its product."""
    disk = DiskFacts(
        "system_disk",
        "scsi0",
        "local-lvm:vm-2000-disk-0",
        fact("system_disk.size", 40, 40, 40),
        _limits("system_disk"),
    )
    larger = replace(fact("additional_disk.size", 20, 10, 20), drift=False)
    extra = DiskFacts(
        "additional_disk",
        "scsi1",
        "local-lvm:vm-2000-disk-1",
        larger,
        _limits("additional_disk", wanted=None),
    )
    card = CardFacts(
        fact("network.model", "virtio", None, "virtio"),
        fact("network.mac", "BC:24:11:00:00:01", "BC:24:11:00:00:01", "BC:24:11:00:00:01"),
        fact("network.rate", 12, 12, 12),
        fact("network.bridge", "vmbr1", "vmbr0", "vmbr1"),
        fact("network.vlan", 7, 0, 7),
        fact("network.firewall", True, True, True),
    )
    compute = (fact("cores", 2, 4, 4), fact("sockets", 1, 1, 1), fact("memory", 2048, 2048, 2048))
    return LiveView(
        LOOKED,
        GuestState("running", "running", 266_400, "", False, True, "iso:iso/debian-12.5.0-amd64-netinst.iso"),
        GuestUsage(21.4, 2, int(1.3 * GIB), 2 * GIB),
        Throughput(1_204_000, 48_200, 300_100, 12_000_000),
        Drift(compute, (disk, extra), card),
    )


def _limits(part: str, wanted: int | None = 100) -> tuple[Any, ...]:
    return tuple(
        fact(f"{part}.{name}", wanted or 0, wanted, wanted or 0)
        for name in ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")
    )


def charts() -> ChartsView:
    """A day with an hour and a half off."""
    points = tuple(Point(NOW - 24 * HOUR + n * HOUR // 4, **_usage(n)) for n in range(97))
    known = {
        name: [value for point in points if (value := getattr(point, name)) is not None] for name in METRICS
    }
    figures = {
        name: Figures(all_[-1], round(sum(all_) / len(all_), 2), max(all_)) for name, all_ in known.items()
    }
    return ChartsView(LOOKED, "day", 900, points, figures)


def _usage(n: int) -> dict[str, float | None]:
    if 40 <= n < 52:
        return {}
    wave = math.sin(n / 9)
    values = (
        30 + 25 * wave,
        62 + 3 * wave,
        2e6 + 1.5e6 * wave,
        4e5 + 3e5 * wave,
        9e5 + 8e5 * wave,
        6e4 + 5e4 * wave,
    )
    return dict(zip(METRICS, values, strict=True))


def readings() -> dict[str, ClusterReading]:
    """What each list of things on the cluster would hold."""
    days = ScheduleView(["mon", "thu"], "03:30")
    snapshots = (
        SnapshotView("before-upgrade", NOW - 30 * HOUR, "kernel 6.8", True),
        SnapshotView("manual", NOW - 200 * HOUR, HOSTILE, False),
    )
    backups = (
        _backup(2, 5 * GIB, True),
        _backup(170, 4 * GIB, True),
        BackupView(
            "backup:backup/vzdump-qemu-2000-2026_01_02.vma.zst",
            NOW - 2500 * HOUR,
            GIB,
            "by hand",
            True,
            False,
        ),
    )
    iso = tuple(
        IsoView(f"iso:iso/{name}", name.partition("-")[0], size, place == 1)
        for place, (name, size) in enumerate(
            (
                ("alpine-3.20-x86_64.iso", 210_000_000),
                ("debian-12.5.0-amd64.iso", 660_000_000),
                ("tools.iso", 4_000_000),
            )
        )
    )
    return {
        "snapshots": ClusterReading(ALLOWED, snapshots, days),
        "backups": ClusterReading(
            ALLOWED, backups, days, "Mon and Thu at 03:30: the storage backup is full."
        ),
        "iso": ClusterReading(ALLOWED, iso),
    }


def _backup(hours: int, size: int, ours: bool) -> BackupView:
    name = f"backup:backup/vzdump-qemu-2000-2026_04_{hours:03d}.vma.zst"
    return BackupView(name, NOW - hours * HOUR, size, "", False, ours)
