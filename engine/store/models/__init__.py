"""Every table, in the order in which they can be made."""

from engine.store.database import Row
from engine.store.models.site import Client, Node, Pool, Product, Server, Service, Zone
from engine.store.models.system import (
    Audit,
    DnsRecord,
    KeyCheck,
    Lease,
    Outbox,
    Setting,
    Signal,
    TaskState,
    Worker,
)
from engine.store.models.vms import Address, FreeRange, Vm, VmidClaim
from engine.store.models.work import Call, DailyBackup, Event, Run, Step

TABLES: tuple[type[Row], ...] = (
    Server,
    Node,
    Pool,
    Zone,
    Product,
    Client,
    Service,
    Vm,
    VmidClaim,
    FreeRange,
    Address,
    Run,
    Step,
    Call,
    Event,
    DailyBackup,
    Setting,
    KeyCheck,
    Signal,
    TaskState,
    Lease,
    Worker,
    Audit,
    Outbox,
    DnsRecord,
)

__all__ = [
    "TABLES",
    "Address",
    "Audit",
    "Call",
    "Client",
    "DailyBackup",
    "DnsRecord",
    "Event",
    "FreeRange",
    "KeyCheck",
    "Lease",
    "Node",
    "Outbox",
    "Pool",
    "Product",
    "Run",
    "Server",
    "Service",
    "Setting",
    "Signal",
    "Step",
    "TaskState",
    "Vm",
    "VmidClaim",
    "Worker",
    "Zone",
]
