"""Measure how servers that do not respond affect other VMs: a DNS server, a mail server and a second cluster.

Deploys the same VMs alternately with a DNS and a mail server that respond, and with three servers that accept
connections and never respond. The makespan of the VMs on the healthy cluster may grow by at most 5 %.

    python -m benchmarks.neighbours [--vms 40] [--speed 5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.deploys import ours

ROOT = Path(__file__).parent.parent
MOST = 1.05
KEY = "key-of-the-benchmark"
SILENT_VMS = 4  # on the cluster that does not respond


def main() -> int:
    """Run both alternately and print the ratio of the medians; 1 if it is too large."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=40)
    parser.add_argument("--speed", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=["answering", "silent"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(ours(given.vms, lambda: _neighbours(given.child == "silent"))))
        return 0
    found: dict[str, list[float]] = {"answering": [], "silent": []}
    for _ in range(given.rounds):
        for kind, seconds in found.items():
            seconds.append(_round(kind, given.vms, given.speed))
            print(kind, seconds[-1], flush=True)
    ratio = statistics.median(found["silent"]) / statistics.median(found["answering"])
    print(f"makespan of {given.vms} VMs with three servers not responding: {ratio:.3f} x (at most {MOST})")
    return int(ratio > MOST)


def _round(kind: str, vms: int, speed: float) -> float:
    from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
    from kvmtui.lab.mailbox import Mailbox
    from tests.crash import labproc

    with ExitStack() as stack:
        lab = stack.enter_context(labproc.running(speed))
        home = stack.enter_context(tempfile.TemporaryDirectory())
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        dns, mail = PowerDnsLite(KEY), stack.enter_context(Mailbox())
        dns.add_zone("example.com")
        dns.start()
        stack.callback(dns.stop)
        environment = {
            **os.environ,
            "BENCH_LAB": json.dumps([lab.port, lab.token_id, lab.token_secret, lab.fingerprint]),
            "BENCH_HOME": home,
            "BENCH_NEIGHBOURS": json.dumps([dns.url, mail.port, silent.getsockname()[1]]),
        }
        command = [sys.executable, "-m", "benchmarks.neighbours", "--child", kind, "--vms", str(vms)]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def _neighbours(silent: bool) -> None:
    """Add a zone, a mail server and, if silent, a second cluster to the database."""
    import uuid

    from engine.clock import now_ms
    from engine.store import secrets, settings
    from engine.store.database import transaction
    from engine.store.models import Client, Product, Server, Service, Vm, Zone

    url, mail, silent_port = json.loads(os.environ["BENCH_NEIGHBOURS"])
    server_url = f"http://127.0.0.1:{silent_port}" if silent else url
    with transaction():
        uid = str(uuid.uuid4())
        Zone.create(
            uid=uid,
            name="example.com",
            type="powerdns",
            endpoint=server_url,
            config={"server_url": server_url},
            secrets={"api_key": secrets.seal(KEY, "zone", uid, "api_key")},
        )
        settings.write(
            settings.Smtp(host="127.0.0.1", port=silent_port if silent else mail, sender="noc@example.com")
        )
        Client.update(email="ops@acme.example").execute()
        if silent:
            healthy = Server.get()
            far = Server.create(
                uid="far",
                name="far",
                hosts=["127.0.0.1"],
                port=silent_port,
                token_id=healthy.token_id,
                token_secret=secrets.seal("secret", "server", "far", "token_secret"),
                tls=healthy.tls,
            )
            product = Product.create(name="F", server=far, spec=Product.get().spec)
            for _ in range(SILENT_VMS):
                service = Service.create(client=Client.get(), product=product)
                Vm.create(uid=str(uuid.uuid4()), service=service, server=far, due_at=now_ms())


if __name__ == "__main__":
    raise SystemExit(main())
