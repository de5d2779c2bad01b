"""Measure DNS updates of many VMs on a real PowerDNS server: in one batch, and one VM at a time.

python -m benchmarks.dns_sync [--vms 500]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from ipaddress import ip_address
from pathlib import Path

from engine.dns import sync
from engine.dns.sender import DnsSender
from engine.store import secrets
from engine.store.database import open_database, transaction
from engine.store.migrate import migrate
from engine.store.models import Address, Client, DnsRecord, Product, Server, Service, Vm, Zone
from engine.store.urls import sqlite_url
from tests.dns import powerdns_server

PATIENCE_S = 60.0
FORWARD, REVERSE = "example.net", "20.10.in-addr.arpa"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=500)
    count = parser.parse_args().vms
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        (home / "pdns").mkdir(mode=0o755)
        server = powerdns_server.start(home / "pdns")
        try:
            for name in (FORWARD, REVERSE):
                server.add_zone(name)
            vms = _site(home, server.url, server.key, 2 * count)
            sender = DnsSender()
            sender.start()
            together = _timed(lambda: sync.sync(vms[:count], PATIENCE_S))
            again = _timed(lambda: sync.sync(vms[:count], PATIENCE_S))
            few = vms[count : count + max(10, count // 10)]
            single = _timed(lambda: [sync.sync([vm]) for vm in few]) / len(few) * count
            sender.stop(5)
        finally:
            server.stop()
        states = {row.state for row in DnsRecord.select()}
    assert states == {"written"}, states
    print(
        f"{count} VMs, {2 * count} records: {together:.2f} s in one batch, {again:.2f} s when nothing changed"
    )
    print(f"one VM at a time: {single:.1f} s (from {len(few)}), {single / together:.0f} x as long")


def _timed(work: object) -> float:
    began = time.monotonic()
    work()  # type: ignore[operator]
    return time.monotonic() - began


def _site(home: Path, url: str, key: str, count: int) -> list[Vm]:
    open_database(sqlite_url(home / "site" / "kvmtui.db"))
    migrate()
    secrets.use_key_file(home / "site" / "secret.key")
    vms = []
    with transaction():
        server = Server.create(uid="bench", name="lab", hosts=["127.0.0.1"])
        product = Product.create(name="P", server=server, spec={})
        client = Client.create(name="Acme")
        for name in (FORWARD, REVERSE):
            uid = str(uuid.uuid4())
            sealed = {"api_key": secrets.seal(key, "zone", uid, "api_key")}
            config = {"server_url": url}
            Zone.create(uid=uid, name=name, type="powerdns", endpoint=url, config=config, secrets=sealed)
        for n in range(count):
            service = Service.create(client=client, product=product)
            vm = Vm.create(
                uid=str(uuid.uuid4()), service=service, server=server, name=f"vm-{n}", domain=FORWARD
            )
            address = ip_address(f"10.20.{n // 250}.{n % 250 + 1}")
            Address.create(server=server, bridge="vmbr0", address=address, vm=vm, prefix=16)
            vms.append(vm)
    return vms


if __name__ == "__main__":
    main()
