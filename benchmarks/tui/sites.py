"""Create sites to measure: many ready VMs in a database, or VMs to deploy on a simulated cluster.

The engine's models write the rows; for large numbers the database copies them.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from engine.clock import now_ms
from engine.ipam import pools
from engine.ipam.spec import PoolSpec
from engine.plan import effective
from engine.store import secrets
from engine.store.database import close_database, open_database, session, transaction
from engine.store.fields import pack
from engine.store.migrate import migrate
from engine.store.models import Address, Client, Product, Run, Server, Service, Vm
from engine.store.urls import sqlite_url

FIRST = 5_001
COUNTED = b"VMs (2) 25"
"""Shown by the dashboard of a site with 25 VMs once its figures are read."""
CLIENTS = 500
_LOWEST = ip_address("10.0.0.1")
SPEC: dict[str, Any] = {
    "template": 9002,
    "target_node": "pve1",
    "clone": "full",
    "first_vmid": 5000,
    "name_rule": "vps-{service_id}",
    "main_domain": "example.com",
    "cores": 2,
    "memory": 2048,
    "network": {"bandwidth": 12},
    "system_disk": {"storage": "ceph", "size": 12, "mbps_rd": 50},
}


@contextmanager
def database(home: Path) -> Iterator[None]:
    """Open the database of a KVMTUI_HOME; create it if needed."""
    home.mkdir(mode=0o700, exist_ok=True)
    open_database(sqlite_url(home / "kvmtui.db"))
    try:
        migrate()
        secrets.use_key_file(home / "secret.key")
        yield
    finally:
        close_database()
        secrets.forget_key()


def ready(home: Path, vms: int) -> Path:
    """Create a site with this many ready VMs, each with an address and a run. Its server is paused: no work is due."""
    with database(home), transaction():
        server = _server(state="paused")
        product = Product.create(name="VPS-2", server=server, spec=SPEC)
        for number in range(CLIENTS):
            Client.create(name=f"Client {number:03d}")
        _vm(server, product)
    _copy(home / "kvmtui.db", vms)
    return home


def _server(**more: Any) -> Server:
    return Server.create(
        uid="bench", name="pve-waw1", hosts=["127.0.0.1"], version="9.0.3", last_ok_at=now_ms(), **more
    )


def _vm(server: Server, product: Product) -> None:
    service = Service.create(id=FIRST, client=1, product=product, status="Active")
    plan = effective(SPEC, {}).as_dict()
    vm = Vm.create(
        uid="vm-0",
        service=service,
        server=server,
        vm_status="ready",
        vmid=100_001,
        node="pve1",
        name=f"vps-{FIRST}",
        domain="example.com",
        mac="BC:24:11:00:00:01",
        plan=plan,
        remote_status="running",
    )
    Address.create(
        server=server,
        bridge="vmbr0",
        address=_LOWEST,
        vm=vm,
        prefix=8,
        gateway="10.255.255.254",
    )
    Run.create(vm=vm, action="Deploy", from_status="creation", to_status="ready", result="success")


def _copy(file: Path, vms: int) -> None:
    """Copy the first VM inside the database: 100,000 VMs take seconds."""
    name = f"'vps-' || ({FIRST} + n)"
    with sqlite3.connect(file) as base:
        base.create_function("packed", 1, lambda number: pack(_LOWEST + number), deterministic=True)
        _copy_rows(base, "service", vms, {"id": f"{FIRST} + n", "client_id": f"1 + n % {CLIENTS}"})
        _copy_rows(base, "vm", vms, {
            "id": "1 + n", "uid": "'vm-' || n", "service_id": f"{FIRST} + n", "vmid": "100001 + n", "name": name,
            "node": "'pve' || (1 + n % 3)",
        })  # fmt: skip
        _copy_rows(base, "address", vms, {"id": "1 + n", "vm_id": "1 + n", "address": "packed(n)"})
        _copy_rows(base, "run", vms, {"id": "1 + n", "vm_id": "1 + n"})
    base.close()


def _copy_rows(base: sqlite3.Connection, table: str, number: int, changed: Mapping[str, str]) -> None:
    columns = [row[1] for row in base.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(column, f'"{column}"') for column in columns)
    base.execute(
        f"WITH RECURSIVE more(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM more WHERE n < {number - 1}) "
        f'INSERT INTO "{table}" ({", ".join(columns)}) SELECT {values} FROM more, "{table}" AS first '
        f'WHERE first.rowid = (SELECT min(rowid) FROM "{table}")'
    )


def deploying(home: Path, lab: Any, vms: int) -> Path:
    """Create a site with this many VMs to deploy; the next engine that starts deploys them."""
    with database(home), transaction():
        server = _server(
            port=lab.port,
            token_id=lab.token_id,
            token_secret=secrets.seal(lab.token_secret, "server", "bench", "token_secret"),
            tls={"fingerprint": lab.fingerprint},
            clones_per_storage=vms,
            tasks_per_node=vms * 2,
        )
        start, stop = ip_address("10.20.0.10"), ip_address("10.20.200.1")
        pools.create_pool(PoolSpec(server.name, "IPv4", "vmbr0", 0, ip_address("10.20.0.1"), 16, start, stop))
        product = Product.create(name="VPS-2", server=server, spec=SPEC)
        client = Client.create(name="Acme")
        for number in range(vms):
            service = Service.create(id=FIRST + number, client=client, product=product)
            Vm.create(uid=str(uuid.uuid4()), service=service, server=server, due_at=now_ms())
    return home


def left(home: Path) -> int:
    """Number of VMs that are not ready yet."""
    with database(home), session():
        return int(Vm.select().where(Vm.vm_status != "ready").count())
