"""A simulated Proxmox VE cluster over HTTPS on loopback, for tests, demonstrations and any Proxmox client."""

from __future__ import annotations

from kvmtui.lab.effects import Effect, GuestView, RequestLog, TaskView, VolumeView
from kvmtui.lab.faults import Fault, load
from kvmtui.lab.lab import Lab
from kvmtui.lab.service import serve

__all__ = ["Effect", "Fault", "GuestView", "Lab", "RequestLog", "TaskView", "VolumeView", "load", "serve"]
