"""A DNS server that accepts and never answers stops no deploy."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from engine.running import Running
from engine.store import secrets
from engine.store.database import session
from engine.store.models import DnsRecord, Step, Vm, Zone
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from tests.pipelines.conftest import Site

VMS, SECONDS = 6, 60
REVERSE = "130.168.192.in-addr.arpa"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes every connection and says nothing."""
    kept = []

    def accept() -> None:
        while True:
            try:
                kept.append(listener.accept()[0])
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    for each in kept:
        each.close()


def add_zone(name: str, url: str) -> None:
    uid = str(uuid.uuid4())
    key = secrets.seal("some-key-for-it", "zone", uid, "api_key")
    Zone.create(
        uid=uid,
        name=name,
        type="powerdns",
        endpoint=url,
        config={"server_url": url},
        secrets={"api_key": key},
    )


def test_six_vms_deploy_beside_a_silent_dns_server(site: Site, silent: str) -> None:
    with PowerDnsLite("some-key-for-it") as healthy:
        healthy.add_zone(REVERSE)
        add_zone("example.com", silent), add_zone(REVERSE, healthy.url)
        product = site.product()
        vms = [site.service(product) for _ in range(VMS)]
        running = Running("daemon", "test", workers=2)
        running.start(ticking=False)
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                with session():
                    waiting = [vm.vm_status for vm in Vm.select() if vm.vm_status != "ready"]
                if not waiting:
                    break
                time.sleep(0.1)
            assert not waiting, "deploys wait for a DNS server"
        finally:
            assert running.stop(10), "the end of the process waits for a DNS server"
    with session():
        for vm in vms:
            name = f"vm-{vm.service_id}.example.com"
            step = next(each for each in Step.select().where(Step.step == "set_dns") if name in each.notes[0])
            forward, reverse, more = step.notes
            assert forward.startswith(f"fwd ERR {name} A @ example.com/PowerDNS: ")
            assert "timed out" in forward and forward.endswith("; will retry")
            assert reverse.startswith("rev OK  ") and reverse.endswith(f"@ {REVERSE}/PowerDNS")
            assert more.startswith("1 DNS record is pending and retried automatically")
        states = [row.state for row in DnsRecord.select().order_by(DnsRecord.state)]
    assert states == ["pending"] * VMS + ["written"] * VMS
