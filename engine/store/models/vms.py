"""The VMs: one row per service, the VMIDs they claim, the addresses they hold."""

from __future__ import annotations

from peewee import Check, CompositeKey, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import AddressField, EpochField, JsonField
from engine.store.models.site import Pool, Server, Service


class Vm(Row):
    """A service's VM. Only the runner writes vm_status, and only while it holds the lease."""

    uid = TextField(unique=True)  # the vm half of the ownership mark, and the row's name inside its secrets
    service = ForeignKeyField(Service, backref="vms", unique=True, on_delete="RESTRICT")
    server = ForeignKeyField(Server, backref="vms", on_delete="RESTRICT")
    vm_status = TextField(default="creation")
    vmid = IntegerField(null=True)
    node = TextField(default="")
    target_node = TextField(default="")
    name = TextField(default="")
    domain = TextField(default="")  # the main domain at the time of its making
    mac = TextField(default="")
    bridge = TextField(default="")
    vlan = IntegerField(default=0)
    smbios_uuid = TextField(default="")  # the second proof of ownership
    os_user = TextField(default="")
    os_password = TextField(default="")  # sealed
    template = TextField(default="")  # a reinstall may name another one than the product's
    plan = JsonField(default=dict)  # the effective plan as last applied
    remote_status = TextField(default="")
    remote_lock = TextField(default="")
    remote_seen_at = EpochField(null=True)
    flow = JsonField(default=dict)  # what the running pipeline remembers between steps
    # the worker's lease: every write of the engine says WHERE fence = the one it claimed with
    lease_owner = TextField(default="")
    lease_until = EpochField(default=0)
    fence = IntegerField(default=0)
    # when the runner must check again; NULL = idle
    due_at = EpochField(null=True)
    wait_kind = TextField(default="")  # task | lock | time | server | turn
    wait_upid = TextField(default="")
    wait_node = TextField(default="")
    wait_why = TextField(default="")
    waiting_since = EpochField(null=True)
    error = TextField(default="")
    error_since = EpochField(null=True)
    revision = IntegerField(default=0)  # the record editor refuses stale data by it
    created_at = EpochField(default=now_ms)
    updated_at = EpochField(default=now_ms)

    class Meta:
        indexes = (
            (("server", "vmid"), False),
            (("due_at", "lease_until"), False),
            (("vm_status", "id"), False),
            (("wait_kind", "wait_node"), False),
            (("name",), False),
        )


class Slot(Row):
    """A place a VM holds while it uses something scarce: a clone's source storage, a node's tasks."""

    server = ForeignKeyField(Server, backref="slots", on_delete="CASCADE")
    vm = ForeignKeyField(Vm, backref="slots", on_delete="CASCADE")
    key = TextField()  # clone:STORAGE or tasks:NODE
    since = EpochField(default=now_ms)

    class Meta:
        indexes = ((("vm", "key"), True), (("server", "key"), False))


class VmidClaim(Row):
    """A VMID that is ours, or was: a tombstone keeps it from being handed out again."""

    server = ForeignKeyField(Server, backref="vmids", on_delete="RESTRICT")
    vmid = IntegerField()
    vm = ForeignKeyField(Vm, backref="vmid_claims", null=True, on_delete="SET NULL")
    state = TextField(default="claimed", constraints=[Check("state IN ('claimed', 'tombstone')")])
    why = TextField(default="")
    at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("server", "vmid"), True),)


class FreeRange(Row):
    """A run of free addresses of a pool, both ends included. Allocation takes the lowest."""

    pool = ForeignKeyField(Pool, backref="free_ranges", on_delete="CASCADE")
    lo = AddressField()
    hi = AddressField()

    class Meta:
        primary_key = CompositeKey("pool", "lo")
        indexes = ((("pool", "hi"), True),)


class Address(Row):
    """An address that is not free: assigned to a VM, reserved by hand, or resting after release."""

    server = ForeignKeyField(Server, backref="addresses", on_delete="RESTRICT")
    pool = ForeignKeyField(
        Pool, backref="addresses", null=True, on_delete="RESTRICT"
    )  # NULL: the legacy list
    bridge = TextField()
    vlan = IntegerField(default=0)
    address = AddressField()
    vm = ForeignKeyField(Vm, backref="addresses", null=True, on_delete="RESTRICT")
    state = TextField(
        default="assigned", constraints=[Check("state IN ('assigned', 'reserved', 'quarantined')")]
    )
    position = IntegerField(default=0)  # the order in which a VM got them; 0 is its main address
    # the values at assignment: editing a pool does not change them
    prefix = IntegerField()
    gateway = TextField(default="")
    dns1 = TextField(default="")
    dns2 = TextField(default="")
    rdns = TextField(default="")  # the requested reverse name; empty = the VM's own name
    note = TextField(default="")
    assigned_at = EpochField(null=True)
    released_at = EpochField(null=True)
    available_at = EpochField(null=True)  # end of its rest

    class Meta:
        indexes = (
            (("server", "bridge", "vlan", "address"), True),
            (("vm", "position"), False),
            (("pool", "address"), False),
            (("state", "available_at"), False),
        )
