"""Copies of the lab's state as plain values, for tests in this process and in another."""

from __future__ import annotations

import copy

from kvmtui.lab.drives import volumes_of
from kvmtui.lab.effects import ConsoleView, LabGuestState, TaskView, VolumeView
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.volumes import LabVolume
from kvmtui.lab.world import LabCluster


def guest_view(guest: LabGuest) -> LabGuestState:
    """One guest as it is now."""
    return LabGuestState(
        vmid=guest.vmid,
        node=guest.node,
        name=guest.name,
        description=str(guest.config.get("description", "")),
        config=copy.deepcopy(guest.merged()),
        status=guest.status,
        lock=guest.lock,
        template=guest.template,
        volumes=tuple(volumes_of(guest.config)),
    )


def volume_view(volume: LabVolume) -> VolumeView:
    """One volume as it is now; its node is empty on a shared storage."""
    return VolumeView(
        volid=volume.volid,
        node=volume.place,
        size=volume.size,
        format=volume.format,
        content=volume.content,
        vmid=volume.vmid,
        parent=volume.parent,
        notes=volume.notes,
        protected=volume.protected,
    )


def task_view(task: LabTask) -> TaskView:
    """One task as it is now."""
    return TaskView(
        upid=task.upid,
        node=task.node,
        type=task.type,
        id=task.id,
        user=task.user,
        starttime=task.starttime,
        endtime=task.endtime,
        exitstatus=task.exitstatus,
        log=tuple(task.log),
    )


def guests(world: LabCluster) -> list[LabGuestState]:
    """Every guest, by id."""
    return [guest_view(world.roster[vmid]) for vmid in sorted(world.roster)]


def volumes(world: LabCluster) -> list[VolumeView]:
    """Every volume, by place and id."""
    return sorted((volume_view(v) for v in world.shelf.everything()), key=lambda v: (v.node, v.volid))


def tasks(world: LabCluster) -> list[TaskView]:
    """Every task the cluster remembers, oldest first."""
    return sorted((task_view(t) for t in world.workers.by_upid.values()), key=lambda t: (t.starttime, t.upid))


def consoles(world: LabCluster) -> list[ConsoleView]:
    """Every console that is open now."""
    return [
        ConsoleView(each.vmid, "serial" if each.terminal else "screen", *each.size)
        for each in world.consoles.open
    ]
