"""What the engine does and did: runs, steps, the journal of calls, events."""

from __future__ import annotations

from peewee import SQL, BigIntegerField, Check, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField
from engine.store.models.site import Server, Service
from engine.store.models.vms import Vm

REQUEST_STATES = ("queued", "running", "done", "failed", "withdrawn")


class Request(Row):
    """What somebody was promised about a VM. It ends exactly once: done, failed or withdrawn.

    VM and service are plain numbers: the answer to a request outlives both records.
    """

    vm = IntegerField()
    service = IntegerField()
    pipeline = TextField()  # its name in the catalog
    action = TextField()  # what runs and log lines call it
    args = JsonField(default=dict)
    login = TextField(default="")  # who asked
    source = TextField(default="")  # cli, console, api, client, engine
    state = TextField(
        default="queued",
        constraints=[Check("state IN ('queued', 'running', 'done', 'failed', 'withdrawn')")],
    )
    run = IntegerField(null=True)  # its newest run
    error = TextField(default="")  # why it failed or was withdrawn, or why its step is being retried
    requested_at = EpochField(default=now_ms)
    started_at = EpochField(null=True)
    ended_at = EpochField(null=True)

    class Meta:
        indexes = (
            (("vm", "state", "id"), False),
            (("service", "id"), False),
            (("state", "ended_at"), False),
        )


Request.add_index(
    Request.index(Request.vm, unique=True, where=SQL("state = 'running'"), name="request_one_running")
)


class Run(Row):
    """One pass of a pipeline over a VM. `live` is 1 while it runs, else NULL: one live run per VM."""

    vm = ForeignKeyField(Vm, backref="runs", on_delete="CASCADE")
    action = (
        TextField()
    )  # Deploy, ChangePackage, Reinstall, Terminate, SetDnsRecords, Restore, or a command's name
    from_status = TextField()
    to_status = TextField(default="")
    result = TextField(
        default="running", constraints=[Check("result IN ('running', 'success', 'waiting', 'error')")]
    )
    started_at = EpochField(default=now_ms)
    finished_at = EpochField(null=True)
    error = TextField(default="")
    live = IntegerField(null=True, constraints=[Check("live = 1")])
    request = JsonField(default=dict)  # who asked and with what
    request_id = IntegerField(null=True, index=True)  # the request this run works for

    class Meta:
        indexes = ((("vm", "live"), True), (("vm", "id"), False), (("finished_at",), False))


class Step(Row):
    """One step of a run, or one try of it."""

    run = ForeignKeyField(Run, backref="steps", on_delete="CASCADE")
    n = IntegerField()
    step = TextField()  # the status it leads to
    label = TextField()
    from_status = TextField()
    to_status = TextField(default="")
    result = TextField(constraints=[Check("result IN ('success', 'skip', 'waiting', 'error')")])
    started_at = EpochField(default=now_ms)
    ms = IntegerField(default=0)
    error = TextField(default="")
    notes = JsonField(default=list)

    class Meta:
        indexes = ((("run", "n"), True),)


class Call(Row):
    """A call that changes something on a cluster, written down before it is sent."""

    server = ForeignKeyField(Server, backref="calls", on_delete="RESTRICT")
    vm = ForeignKeyField(Vm, backref="calls", null=True, on_delete="SET NULL")
    run = ForeignKeyField(Run, backref="calls", null=True, on_delete="SET NULL")
    step = TextField(default="")
    what = TextField()  # clone, config, start, …
    method = TextField()
    path = TextField()
    node = TextField(default="")
    vmid = IntegerField(null=True)
    params_hash = TextField(default="")
    fence = IntegerField(default=0)
    state = TextField(
        default="intent",
        constraints=[Check("state IN ('intent', 'answered', 'ended', 'failed', 'ambiguous')")],
    )
    upid = TextField(default="")
    outcome = TextField(
        default=""
    )  # a task's exit status, Proxmox's words, or how an ambiguous call was settled
    intent_at = EpochField(default=now_ms)
    answered_at = EpochField(null=True)
    ended_at = EpochField(null=True)

    class Meta:
        indexes = (
            (("vm", "id"), False),
            (("state", "vm"), False),
            (("server", "vmid"), False),
            (("intent_at",), False),
        )


class Event(Row):
    """One line of what happened, in order. Consoles and daemons follow the sequence of ids."""

    at = EpochField(default=now_ms)
    kind = TextField()  # step, note, run, task, vm, alert, change
    level = TextField(default="info")  # info, success, skip, waiting, error
    vm = IntegerField(null=True, index=True)  # not a foreign key: an event outlives its VM's record
    service = IntegerField(null=True)
    run = IntegerField(null=True)
    text = TextField(default="")
    data = JsonField(default=dict)

    class Meta:
        indexes = ((("at",), False), (("service", "id"), False))


class Traffic(Row):
    """Bytes of one VM in one hour, cumulated from its counters; the billing reads these."""

    vm = IntegerField()  # not a foreign key: a month must still be billed when the VM is gone
    service = IntegerField()
    hour = EpochField()  # its beginning
    bytes_in = BigIntegerField(default=0)
    bytes_out = BigIntegerField(default=0)

    class Meta:
        indexes = ((("vm", "hour"), True), (("service", "hour"), False))


class TrafficQuota(Row):
    """What the traffic quota has done with a service, written in the transaction of mail, webhook and request."""

    service = ForeignKeyField(Service, primary_key=True, on_delete="CASCADE")
    month = TextField()  # the month that `state` is about
    state = TextField(index=True, constraints=[Check("state IN ('within', 'warned', 'exceeded')")])
    since = EpochField()
    throttle_mbs = IntegerField(default=0)  # the rate the network card must not exceed; 0: as planned
    card_mbs = IntegerField(default=0)  # the one a run of SetNetworkRate has set last
    # due: Suspend is queued; on: Suspend has begun; ending: Unsuspend is queued;
    # taken: an operator suspended it as well; waived: an operator unsuspended it, so it runs until the month ends
    hold = TextField(
        default="", constraints=[Check("hold IN ('', 'due', 'on', 'ending', 'taken', 'waived')")]
    )
    notices = JsonField(
        column_name="told", default=list
    )  # MONTH:WHAT:QUOTA of each mail and webhook, so that none goes twice


class TrafficMark(Row):
    """Where a VM's counters stood when they were last read; a smaller value means they began again."""

    vm = IntegerField(primary_key=True)
    at = EpochField()
    net_in = BigIntegerField()
    net_out = BigIntegerField()
    uptime = IntegerField()
