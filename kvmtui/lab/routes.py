"""Brings in every module that answers a part of the API; importing one registers its calls."""

from __future__ import annotations

from kvmtui.lab import (
    agent,
    backup,
    clone,
    cloudinit,
    config,
    console,
    creation,
    diskapi,
    ha,
    login,
    migrate,
    monitor,
    movedisk,
    nodes,
    power,
    reads,
    resize,
    rrd,
    snapshots,
    status,
    storages,
    suspend,
    taskapi,
)
from kvmtui.lab.http import Upgrade

PARTS = (
    agent,
    backup,
    clone,
    cloudinit,
    config,
    console,
    creation,
    diskapi,
    ha,
    login,
    migrate,
    monitor,
    movedisk,
    nodes,
    power,
    reads,
    resize,
    rrd,
    snapshots,
    status,
    storages,
    suspend,
    taskapi,
)
# Paths answered by a websocket instead of JSON.
UPGRADES: dict[str, Upgrade] = {console.SOCKET: console.connect}
