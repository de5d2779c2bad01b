"""What an operator set up for after the first deploy: snapshots, backups, their schedules, and what was left over."""

from __future__ import annotations

from peewee import Check, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField
from engine.store.models.site import Server
from engine.store.models.vms import Vm


class Snapshot(Row):
    """A snapshot we took: only these are ever removed by age."""

    vm = ForeignKeyField(Vm, backref="snapshots", on_delete="CASCADE")
    name = TextField()
    note = TextField(default="")
    at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("vm", "name"), True), (("at",), False))


class SnapshotSchedule(Row):
    """On which weekdays a snapshot of a VM is taken, and at what minute of the day where the operator is."""

    vm = ForeignKeyField(Vm, backref="snapshot_schedule", unique=True, on_delete="CASCADE")
    days = JsonField(default=list)  # ["mon", "thu"]
    minute = IntegerField(constraints=[Check("minute >= 0 AND minute < 1440")])
    since = EpochField(default=now_ms)


class DailySnapshot(Row):
    """A snapshot taken by the schedule: at most one per VM and local date, whatever the clock does."""

    vm = ForeignKeyField(Vm, backref="daily_snapshots", on_delete="CASCADE")
    local_date = TextField()  # YYYY-MM-DD where the operator is
    state = TextField(
        default="started", index=True, constraints=[Check("state IN ('started', 'done', 'failed')")]
    )
    name = TextField()
    error = TextField(default="")
    at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("vm", "local_date"), True),)


class BackupSchedule(Row):
    """On which weekdays a VM is backed up, and at what minute of the day where the operator is."""

    vm = ForeignKeyField(Vm, backref="backup_schedule", unique=True, on_delete="CASCADE")
    days = JsonField(default=list)  # ["mon", "thu"]
    minute = IntegerField(constraints=[Check("minute >= 0 AND minute < 1440")])
    since = EpochField(default=now_ms)
    good_at = EpochField(null=True)  # when the VM last got a backup of ours, by the schedule or by hand
    error = TextField(default="")  # why the last one the schedule began failed; empty after a good one


class DailyBackup(Row):
    """A backup made by the schedule: at most one per VM and local date, whatever the clock does."""

    vm = ForeignKeyField(Vm, backref="daily_backups", on_delete="CASCADE")
    local_date = TextField()  # YYYY-MM-DD where the operator is
    state = TextField(
        default="started", index=True, constraints=[Check("state IN ('started', 'done', 'failed')")]
    )
    upid = TextField(default="")
    error = TextField(default="")
    at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("vm", "local_date"), True),)


class LeftBackup(Row):
    """A backup of a VM that is terminated and could not be deleted then; it outlives the VM's record."""

    server = ForeignKeyField(Server, backref="left_backups", on_delete="RESTRICT")
    service = IntegerField(index=True)  # not a foreign key: the service may be deleted before the backup is
    vmid = IntegerField()
    vm_uid = TextField()  # the vm half of the mark its notes carry
    vm_name = TextField(default="")
    vm_created_at = EpochField()  # older backups under the number were another VM's
    storage = TextField()
    volid = TextField(default="")  # empty: the storage was away, and whatever it holds is meant
    why = TextField()
    since = EpochField(default=now_ms)
    tries = IntegerField(default=0)
    due_at = EpochField(default=now_ms, index=True)  # when it is tried again

    class Meta:
        indexes = ((("server", "storage", "vmid", "volid"), True),)
