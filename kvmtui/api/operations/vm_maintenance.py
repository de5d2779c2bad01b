"""Snapshots, backups, their schedule, and ISO images of a VM."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path
from fastapi.responses import Response
from pydantic import Field
from starlette.convertors import StringConvertor, register_url_convertor

from engine.actions import maintenance
from engine.queries import maintenance as queries
from kvmtui.api import routing, shapes
from kvmtui.api.answers import CLUSTER, ONE, WRITE, accepted, answers, page, send, send_stretch
from kvmtui.api.operations.services import Reason
from kvmtui.api.routing import Caller, ServiceId, Stretch
from kvmtui.api.writing import Plan, Write, planned

router = routing.router()
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SnapshotName = Annotated[
    str, Path(max_length=40, description="The snapshot's name.", examples=["before-upgrade"])
]
BackupId = Annotated[
    str,
    Path(
        max_length=300,
        description="The backup, as its list names it.",
        examples=["backup:backup/vzdump-qemu-2002-2026_04_10-03_00_00.vma.zst"],
    ),
]


class _BackupConvertor(StringConvertor):
    """A backup's id holds slashes, and is not what stands before `/restore` of another path."""

    regex = r"(?:(?!/restore(?:/|$)).)+"


register_url_convertor("backup", _BackupConvertor())
_SNAPSHOTS: list[str | Any] = ["Snapshots"]
_BACKUPS: list[str | Any] = ["Backups"]
_ISO: list[str | Any] = ["ISO images"]


class NewSnapshot(Reason):
    """A snapshot; without a name it gets one."""

    name: Annotated[str, Field(max_length=40)] = ""
    note: Annotated[str, Field(max_length=200)] = ""


class NewSchedule(Reason):
    """On which days, and when; without a time one is drawn, without days there is no schedule."""

    days: Annotated[list[Day], Field(max_length=7)]
    at: Annotated[str, Field(pattern=r"^(([01]?[0-9]|2[0-3]):[0-5][0-9])?$")] = ""


class Mount(Reason):
    """An image; `restart` restarts a running VM that has no CD drive yet."""

    iso: Annotated[str, Field(min_length=1, max_length=300)]
    restart: bool = False


@router.get("/api/v1/services/{id}/vm/snapshots", responses=page(shapes.Snapshot, CLUSTER), tags=_SNAPSHOTS)
def list_snapshots(caller: Caller, id: ServiceId, paging: Stretch) -> Response:  # noqa: A002
    """List the snapshots of the VM, oldest first, as the cluster has them now."""
    return send_stretch(shapes.Snapshot, queries.snapshots(id), paging)


@router.post("/api/v1/services/{id}/vm/snapshots", status_code=202, responses=accepted(), tags=_SNAPSHOTS)
def create_snapshot(write: Write, id: ServiceId, body: NewSnapshot | None = None) -> Response:  # noqa: A002
    """Take a snapshot."""
    asked = body or NewSnapshot()
    actor = write.because(asked.reason)
    return write.request(id, lambda: maintenance.create_snapshot(actor, id, asked.name, asked.note))


@router.delete(
    "/api/v1/services/{id}/vm/snapshots/{name}", status_code=202, responses=accepted(), tags=_SNAPSHOTS
)
def delete_snapshot(write: Write, id: ServiceId, name: SnapshotName) -> Response:  # noqa: A002
    """Delete a snapshot."""
    return write.request(id, lambda: maintenance.delete_snapshot(write.actor, id, name))


@router.post(
    "/api/v1/services/{id}/vm/snapshots/{name}/rollback",
    status_code=202,
    responses=accepted(),
    tags=_SNAPSHOTS,
)
def roll_back(write: Write, id: ServiceId, name: SnapshotName, body: Reason | None = None) -> Response:  # noqa: A002
    """Roll the VM back to a snapshot; what happened since is lost."""
    actor = write.because(body.reason if body else "")
    return write.request(id, lambda: maintenance.roll_back(actor, id, name))


@router.get("/api/v1/services/{id}/vm/backups", responses=page(shapes.Backup, CLUSTER), tags=_BACKUPS)
def list_backups(caller: Caller, id: ServiceId, paging: Stretch) -> Response:  # noqa: A002
    """List the backups of the VM, newest first, as the storage has them now."""
    return send_stretch(shapes.Backup, queries.backups(id), paging)


@router.post("/api/v1/services/{id}/vm/backups", status_code=202, responses=accepted(), tags=_BACKUPS)
def create_backup(write: Write, id: ServiceId, body: Reason | None = None) -> Response:  # noqa: A002
    """Make a backup now; at the limit the oldest one is deleted."""
    actor = write.because(body.reason if body else "")
    return write.request(id, lambda: maintenance.create_backup(actor, id))


@router.delete(
    "/api/v1/services/{id}/vm/backups/{backup:backup}", status_code=202, responses=accepted(), tags=_BACKUPS
)
def delete_backup(write: Write, id: ServiceId, backup: BackupId) -> Response:  # noqa: A002
    """Delete a backup that kvmtui made."""
    return write.request(id, lambda: maintenance.delete_backup(write.actor, id, backup))


@router.post(
    "/api/v1/services/{id}/vm/backups/{backup:backup}/restore",
    status_code=202,
    responses=accepted() | answers(shapes.Preview, WRITE),
    tags=_BACKUPS,
)
def restore_backup(
    write: Write,
    id: ServiceId,  # noqa: A002
    backup: BackupId,
    body: Reason | None = None,
    plan: Plan = False,
) -> Response:
    """Overwrite the VM with a backup, apply its product again, and start it."""
    actor = write.because(body.reason if body else "")
    if plan:
        return planned(lambda: maintenance.restore(actor, id, backup))
    return write.request(id, lambda: maintenance.restore(actor, id, backup))


@router.get(
    "/api/v1/services/{id}/vm/backup-schedule", responses=answers(shapes.Schedule, ONE), tags=_BACKUPS
)
def show_backup_schedule(caller: Caller, id: ServiceId) -> Response:  # noqa: A002
    """Show when the VM is backed up; no days: never."""
    found = queries.schedule(id)
    return send(found if found is not None else {"days": [], "at": ""})


@router.put("/api/v1/services/{id}/vm/backup-schedule", status_code=202, responses=accepted(), tags=_BACKUPS)
def set_backup_schedule(write: Write, id: ServiceId, body: NewSchedule) -> Response:  # noqa: A002
    """Set when the VM is backed up."""
    actor = write.because(body.reason)
    return write.request(id, lambda: maintenance.schedule(actor, id, body.days, body.at))


@router.get("/api/v1/services/{id}/vm/iso", responses=page(shapes.Iso, CLUSTER), tags=_ISO)
def list_iso_images(caller: Caller, id: ServiceId, paging: Stretch) -> Response:  # noqa: A002
    """List the ISO images the VM may mount, and which one is mounted."""
    return send_stretch(shapes.Iso, queries.iso_images(id), paging)


@router.put("/api/v1/services/{id}/vm/iso", status_code=202, responses=accepted(), tags=_ISO)
def mount_iso(write: Write, id: ServiceId, body: Mount) -> Response:  # noqa: A002
    """Mount an ISO image."""
    actor = write.because(body.reason)
    return write.request(id, lambda: maintenance.mount_iso(actor, id, body.iso, body.restart))


@router.delete("/api/v1/services/{id}/vm/iso", status_code=202, responses=accepted(), tags=_ISO)
def eject_iso(write: Write, id: ServiceId) -> Response:  # noqa: A002
    """Eject the ISO image."""
    return write.request(id, lambda: maintenance.eject_iso(write.actor, id))
