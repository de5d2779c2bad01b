"""Brings in every module that answers a part of the API; importing one registers its calls."""

from __future__ import annotations

from engine.lab import clone, cloudinit, config, login, nodes, power, storages, taskapi
from engine.lab.http import Upgrade

PARTS = (clone, cloudinit, config, login, nodes, power, storages, taskapi)
# Paths answered by a websocket instead of JSON.
UPGRADES: dict[str, Upgrade] = {}
