"""Records of every kind for the pictures of the site's screens: good ones, doubtful ones and failing ones."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from engine.actions.clients import put_client
from engine.actions.products import create_product
from engine.audit import current_actor
from engine.forms import ClientForm, ProductForm, checked
from engine.ipam import assignments
from engine.schedule.registry import TASKS
from engine.store.models import Address, DnsRecord, Pool, Server, Service, TaskState, Vm, Zone
from engine.work.task_ledger import standing
from tests.screens.console_site import HOSTILE, HOUR, NOW, fill

LONG = "an-exceedingly-long-name-that-no-column-of-any-list-could-ever-hold-in-full"


def records() -> None:
    """A site with everything on it, at the fixed hour; nothing in it is reached by a network."""
    fill()
    _servers()
    _pools()
    _zones()
    _products()
    _clients()
    _tasks()
    Service.update(status="Suspended").where(Service.id == 5548).execute()


def _servers() -> None:
    rows: tuple[dict[str, Any], ...] = (
        {"name": "pve-far", "hosts": ["pve-far.example.net"], "state": "paused", "version": "8.4.1"},
        {
            "name": "pve-krk1",
            "hosts": ["10.0.0.11", "10.0.0.12"],
            "failures": 3,
            "last_error": "10.0.0.11:8006 did not answer within 10 s; the network or the node is down.",
        },
    )
    for number, row in enumerate(rows, 2):
        Server.create(uid=f"s-{number}", created_at=NOW, **row)


def _pools() -> None:
    server = Server.get(Server.name == "pve-waw1")
    four: dict[str, Any] = {"server": server, "type": "IPv4", "bridge": "vmbr0", "dns1": "9.9.9.9"}
    rows: tuple[dict[str, Any], ...] = (
        {**four, "gateway": "192.0.2.1", "mask": 24, "start": "192.0.2.10", "stop": "192.0.2.16"},
        {**four, "gateway": "198.51.100.1", "mask": 26, "start": "198.51.100.2", "stop": "198.51.100.62",
         "vlan": 204},
        {"server": server, "type": "IPv6", "bridge": "vmbr1", "gateway": "2001:db8:7::1", "mask": 64,
         "start": "2001:db8:7::2", "stop": "2001:db8:7:0:ffff:ffff:ffff:ffff"},
    )  # fmt: skip
    for row in rows:
        ends = {name: ip_address(row[name]) for name in ("start", "stop")}
        pool = Pool.create(**{**row, **ends}, created_at=NOW)
        assignments.adopt(pool)
        assignments.refill(pool)
    Address.create(
        server=server, bridge="vmbr0", address=ip_address("192.0.2.16"), pool=1, prefix=24, state="reserved",
        gateway="192.0.2.1", assigned_at=NOW, note=f"for {HOSTILE}",
    )  # fmt: skip


def _zones() -> None:
    Zone.create(
        uid="z-1", name="example.com", type="powerdns", endpoint="https://ns1.example.net:8081", ttl=300,
        config={"server_url": "https://ns1.example.net:8081", "tls": {}}, last_ok_at=NOW - HOUR,
    )  # fmt: skip
    Zone.create(
        uid="z-2", name="2.0.192.in-addr.arpa", type="cloudflare", endpoint="9f2d",
        config={"zone_id": "9f2d", "account_id": "", "api_url": "https://api.cloudflare.com/client/v4"},
        last_error="Cloudflare refused the token; it may not edit this zone. Make one with Zone:DNS:Edit.",
    )  # fmt: skip
    Zone.create(
        uid="z-3", name=f"{LONG}.example.org", type="hestiacp", endpoint="https://hestia.example.net:8083",
        config={"server_url": "https://hestia.example.net:8083", "user": "dns"},
    )  # fmt: skip
    for number, vm in enumerate(Vm.select().order_by(Vm.id).limit(2)):
        DnsRecord.create(
            vm=vm, zone=1, name=f"vps-{number}.example.com", type="A", content="192.0.2.1", ttl=300,
            state="written",
            claimed=True,
        )  # fmt: skip


def _products() -> None:
    values = {
        "name": "VPS-XL",
        "server": "pve-waw1",
        "template": "debian-13",
        "cores": 4,
        "memory": 8192,
        "main_domain": "example.com",
        "ssh_keys": [],
        "system_disk": {"storage": "local-lvm", "size": 80},
        "additional_disk": {"size": 200},
        "network": {"bandwidth": 100, "ipv6": 1},
    }
    create_product(checked(ProductForm, values), current_actor("cli"))


def _clients() -> None:
    for name, email in (
        ("Zenith", "ops@zenith.example"),
        (LONG, "a.person.with.a.long.name@mail.example.org"),
    ):
        put_client(checked(ClientForm, {"name": name, "email": email}), current_actor("cli"))


def _tasks() -> None:
    for task in TASKS:
        standing(task)
    TaskState.update(last_run_at=NOW - 20_000, processed=6, seconds=1.4).execute()
    TaskState.update(errors=2).where(TaskState.name == "scheduleBackup").execute()
    TaskState.update(locked_by="daemon@ops1#4711", locked_at=NOW - 40_000).where(
        TaskState.name == "collectingStatistics"
    ).execute()
    TaskState.update(interval_minutes=0).where(TaskState.name == "removeOldSnapshots").execute()
