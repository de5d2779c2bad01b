"""What an operator sets up: servers, pools, zones, products, clients, services."""

from __future__ import annotations

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    Check,
    FloatField,
    ForeignKeyField,
    IntegerField,
    TextField,
)

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import AddressField, EpochField, JsonField


class Server(Row):
    """One Proxmox VE cluster."""

    uid = TextField(unique=True)  # names the row inside the encryption of its secrets
    name = TextField(unique=True)
    hosts = JsonField()  # list of host names or addresses, tried in order
    port = IntegerField(default=8006)
    token_id = TextField(default="")
    token_secret = TextField(default="")  # sealed
    user = TextField(default="")
    password = TextField(default="")  # sealed
    tls = JsonField(
        default=dict
    )  # {"fingerprint": …} | {"ca_file": …} | {"system": true} | {"insecure": true}
    clones_per_storage = IntegerField(default=2)
    tasks_per_node = IntegerField(default=4)
    requests_at_once = IntegerField(default=8)
    assigned_ips = TextField(default="")  # legacy list: bridge|vlan|address|mask|gateway|dns1,dns2
    state = TextField(default="enabled", constraints=[Check("state IN ('enabled', 'paused')")])
    good_host = TextField(default="")  # the host that answered last
    version = TextField(default="")
    failures = IntegerField(default=0)  # calls in a row that never reached Proxmox
    last_ok_at = EpochField(null=True)
    last_error = TextField(default="")
    probe_at = EpochField(null=True)  # while failing: when the next probe is due
    created_at = EpochField(default=now_ms)


class Node(Row):
    """What we hold of one node of a server: whether an operator paused it."""

    server = ForeignKeyField(Server, backref="nodes", on_delete="CASCADE")
    name = TextField()
    paused = BooleanField(default=False)

    class Meta:
        indexes = ((("server", "name"), True),)


class Pool(Row):
    """A range of addresses of a server. Its free part is in FreeRange, the rest in Address."""

    server = ForeignKeyField(Server, backref="pools", on_delete="RESTRICT")
    type = TextField(constraints=[Check("type IN ('IPv4', 'IPv6')")])
    bridge = TextField()
    vlan = IntegerField(default=0)
    gateway = TextField()
    mask = IntegerField()
    dns1 = TextField(default="")
    dns2 = TextField(default="")
    start = AddressField()
    stop = AddressField()
    excluded = JsonField(
        default=list
    )  # addresses and ranges never handed out: ["10.0.0.5", "10.0.0.9-10.0.0.12"]
    quarantine_s = IntegerField(default=0)  # how long a released address rests
    created_at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("server", "start"), True), (("server", "bridge", "vlan"), False))


class Capacity(Row):
    """How full a node, a storage or a pool was during ten minutes that begin at `at`; the last answer counts."""

    server = ForeignKeyField(Server, backref="capacity", index=False, on_delete="CASCADE")
    kind = TextField(constraints=[Check("kind IN ('node', 'storage', 'pool')")])
    node = TextField(default="")  # empty for what all nodes share
    name = TextField()  # the node, the storage, or the pool's id
    at = EpochField()
    seen_at = EpochField()  # when the cluster answered
    up = BooleanField(default=True)  # false for a node that is offline
    used = BigIntegerField(default=0)  # bytes of memory or disk; addresses of a pool
    total = BigIntegerField(default=0)
    cpu = FloatField(null=True)  # 0 to 1, of nodes
    days_left = FloatField(
        null=True
    )  # days until it is full by the trend of the day before; NULL: it does not fill

    class Meta:
        indexes = ((("server", "kind", "node", "name", "at"), True), (("at",), False))


class Zone(Row):
    """A DNS zone at one provider. Forward or reverse follows from its name alone."""

    uid = TextField(unique=True)
    name = TextField()  # normalised: lower case, no final dot
    type = TextField()  # the provider's name, as engine/dns/providers declares it
    endpoint = TextField()  # where it is there, for lists: server_url, zone_id, host:port
    config = JsonField(default=dict)  # the provider's open fields
    secrets = JsonField(default=dict)  # field name -> sealed value
    ttl = IntegerField(default=300)
    last_ok_at = EpochField(null=True)
    last_error = TextField(default="")
    created_at = EpochField(default=now_ms)

    class Meta:
        indexes = ((("name", "type", "endpoint"), True),)


class Product(Row):
    """A plan. `spec` is the product part of the manifest, complete with its defaults."""

    name = TextField(unique=True)
    server = ForeignKeyField(Server, backref="products", on_delete="RESTRICT")
    spec = JsonField()
    created_at = EpochField(default=now_ms)


class Client(Row):
    """Somebody who has services."""

    name = TextField(unique=True)
    email = TextField(default="")
    language = TextField(default="en")
    notes = TextField(default="")
    created_at = EpochField(default=now_ms)


class Service(Row):
    """A client's instance of a product. Its id is the number operators know."""

    client = ForeignKeyField(Client, backref="services", on_delete="RESTRICT")
    product = ForeignKeyField(Product, backref="services", on_delete="RESTRICT")
    status = TextField(
        default="Pending",
        index=True,
        constraints=[Check("status IN ('Pending', 'Active', 'Suspended', 'Terminated', 'Cancelled')")],
    )
    options = JsonField(default=dict)  # what overrides the product
    notes = TextField(default="")
    created_at = EpochField(default=now_ms)
    ended_at = EpochField(null=True)
    external_ref = TextField(constraints=[SQL("DEFAULT ''")], default="")  # its order in a billing system


Service.add_index(
    Service.index(Service.external_ref, where=SQL("external_ref <> ''"), name="service_external_ref")
)
