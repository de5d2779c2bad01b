"""A simulated Proxmox VE cluster over HTTPS on loopback, for tests, demonstrations and any Proxmox client."""

from __future__ import annotations

from engine.lab.effects import Effect, GuestView, RequestLog, TaskView, VolumeView
from engine.lab.faults import Fault, load
from engine.lab.lab import Lab
from engine.lab.service import serve

__all__ = ["Effect", "Fault", "GuestView", "Lab", "RequestLog", "TaskView", "VolumeView", "load", "serve"]
