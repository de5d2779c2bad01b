"""A simulated Proxmox VE cluster over HTTPS on loopback, for tests, demonstrations and any Proxmox client."""

from __future__ import annotations

from kvmtui.lab.effects import LabEffect, LabGuestState, RequestLog, TaskView, VolumeView
from kvmtui.lab.faults import InjectedFault, load
from kvmtui.lab.lab import Lab
from kvmtui.lab.service import serve

__all__ = [
    "InjectedFault",
    "Lab",
    "LabEffect",
    "LabGuestState",
    "RequestLog",
    "TaskView",
    "VolumeView",
    "load",
    "serve",
]
