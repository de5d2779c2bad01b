"""The program's own tables: settings, schedule, leases, workers, audit, outbox, DNS ledger."""

from __future__ import annotations

from peewee import SQL, BooleanField, Check, FloatField, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField
from engine.store.models.site import Zone
from engine.store.models.vms import Vm


class Setting(Row):
    """One setting, by its dotted name."""

    key = TextField(primary_key=True)
    value = JsonField()


class KeyCheck(Row):
    """What only the secret key can compute: a wrong key is found at once."""

    key_id = TextField(primary_key=True)
    canary = TextField()
    at = EpochField(default=now_ms)


class Signal(Row):
    """A counter others watch: it moves when there is something to look at."""

    name = TextField(primary_key=True)
    counter = IntegerField(default=0)


class TaskState(Row):
    """A scheduled task: when it ran, who runs it now, how it went."""

    name = TextField(primary_key=True)
    interval_minutes = IntegerField()
    last_run_at = EpochField(null=True)
    locked_by = TextField(default="")
    locked_at = EpochField(null=True)
    fence = IntegerField(default=0)
    processed = IntegerField(default=0)
    errors = IntegerField(default=0)
    seconds = FloatField(default=0.0)
    results = JsonField(default=list)  # [{"service": …, "action": …, "result": …}] of the last run


class Lease(Row):
    """A named right of one worker for a while: one writer per DNS server, for instance."""

    name = TextField(primary_key=True)
    owner = TextField(default="")
    until = EpochField(default=0)
    fence = IntegerField(default=0)


class Worker(Row):
    """A process that runs the engine, with its heartbeat."""

    id = TextField(primary_key=True)
    kind = TextField(constraints=[Check("kind IN ('console', 'daemon', 'cron')")])
    host = TextField()
    pid = IntegerField()
    version = TextField(default="")
    started_at = EpochField(default=now_ms)
    heartbeat_at = EpochField(default=now_ms, index=True)
    process = TextField(constraints=[SQL("DEFAULT ''")], default="")  # tells a live pid from a reused one


class Audit(Row):
    """Who did what, when, to what. Append-only; each row carries a hash over the one before."""

    at = EpochField(default=now_ms, index=True)
    login = TextField(default="")
    ssh_client = TextField(default="")
    source = TextField(default="")  # cli, console, apply, engine
    action = TextField()
    kind = TextField()  # vm, service, server, pool, zone, product, client, setting, secrets
    object_id = TextField(default="")
    object_name = TextField(default="")
    reason = TextField(default="")
    before = JsonField(default=dict)
    after = JsonField(default=dict)
    result = TextField(default="done")
    previous_hash = TextField(default="")
    hash = TextField()

    class Meta:
        indexes = ((("kind", "object_id"), False), (("login",), False))


class Answered(Row):
    """The answer to a write of the HTTP API, by the Idempotency-Key it came with; kept for seven days."""

    token = IntegerField()  # keys of different tokens are different keys; 0: no token
    key = TextField()
    digest = TextField()  # of method, path and body: the same key with another request is refused
    status = IntegerField(default=0)
    answer = JsonField(default=dict)
    at = EpochField(default=now_ms, index=True)

    class Meta:
        indexes = ((("token", "key"), True),)


class AuditArchive(Row):
    """A file of audit rows that left the table: only rows up to `last_id` may be deleted from it."""

    first_id = IntegerField()
    last_id = IntegerField(unique=True)
    last_hash = TextField()  # the hash of its last row: the first row kept continues from it
    path = TextField()
    sha256 = TextField()
    at = EpochField(default=now_ms)


class Outbox(Row):
    """A mail to send. Written with the step that asks for it; the key keeps it from going twice."""

    uid = TextField(unique=True)
    key = TextField(unique=True)
    vm = ForeignKeyField(Vm, backref="mails", null=True, on_delete="SET NULL")
    template = TextField()
    recipient = TextField()
    language = TextField(default="en")
    context = TextField(default="")  # sealed JSON: it may hold a password
    state = TextField(
        default="pending", constraints=[Check("state IN ('pending', 'sending', 'sent', 'failed')")]
    )
    attempts = IntegerField(default=0)
    due_at = EpochField(default=now_ms)
    error = TextField(default="")
    created_at = EpochField(default=now_ms)
    sent_at = EpochField(null=True)

    class Meta:
        indexes = ((("state", "due_at"), False),)


class Destination(Row):
    """A remote server that one sender at a time works for: its lease, and its outage. Times are the database's."""

    name = TextField(primary_key=True)  # dns:PROVIDER:SERVER
    owner = TextField(default="")
    until = EpochField(default=0)
    attempt_at = EpochField(default=0)  # when the batch that is being sent began, else 0
    failures = IntegerField(default=0)  # attempts without an answer, in a row
    retry_at = EpochField(default=0)
    failing_since = EpochField(null=True)
    error = TextField(default="")
    # when it was last unclear what of a batch arrived, else 0
    unsure_at = EpochField(constraints=[SQL("DEFAULT 0")], default=0)


class DnsRecord(Row):
    """The ledger: a record we wrote or have to change; also the queue of changes. Nothing outside it is deleted."""

    zone = ForeignKeyField(Zone, backref="records", on_delete="RESTRICT")
    vm = ForeignKeyField(Vm, backref="dns_records", null=True, on_delete="SET NULL")
    name = TextField()
    type = TextField()
    content = TextField()
    ttl = IntegerField(default=300)
    provider_id = TextField(default="")
    # written: live as far as we know; pending: to be written; deleting: to be deleted; conflict: a foreign record is
    # in the way; left: a foreign record serves instead
    state = TextField(constraints=[Check("state IN ('written', 'pending', 'deleting', 'conflict', 'left')")])
    claimed = BooleanField(default=False)  # we sent it: a live record like it is ours
    revision = IntegerField(default=0)  # raised by each request; a sender settles the one it read
    due_at = EpochField(null=True)  # when it is sent or checked next; NULL = nothing to do
    attempts = IntegerField(default=0)
    error = TextField(default="")
    note = TextField(default="")  # what an operator should know although nothing is wrong
    updated_at = EpochField(default=now_ms)

    class Meta:
        indexes = (
            (("zone", "name", "type", "content"), True),
            (("vm", "zone"), False),
            (("state", "vm"), False),
            (("due_at", "zone"), False),
        )
