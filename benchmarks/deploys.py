"""Compare concurrent deploys by the engine with a hand-written client that makes only the necessary calls.

Each has its own simulated cluster in a separate process, by default at five times real speed. The hand-written client
knows every value in advance: it selects no node, verifies nothing and cannot recover from a crash. CPU
seconds are those of the client's process; requests are counted by the cluster.

    python -m benchmarks.deploys [--vms 60] [--speed 5] [--rounds 3] [--only ours|hand]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TARGETS = {"cpu_per_vm": 0.10, "requests_per_vm": 25.0}
MAKESPAN = 1.25  # times that of the hand-written client
SPEC: dict[str, Any] = {
    "template": 9002,
    "target_node": "pve1",
    "clone": "full",
    "first_vmid": 5000,
    "name_rule": "vm-{service_id}",
    "main_domain": "example.com",
    "cores": 2,
    "memory": 2048,
    "network": {"bandwidth": 12},
    "system_disk": {"storage": "ceph", "size": 12, "mbps_rd": 50},
    "additional_disk": {"storage": "ceph", "size": 3},
}


def main() -> None:
    """Run both alternately and print the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=60)
    parser.add_argument("--speed", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["ours", "hand"])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(CHILDREN[given.child](given.vms)))
        return
    found: dict[str, list[dict[str, float]]] = {"hand": [], "ours": []}
    for _ in range(given.rounds):
        for name in [given.only] if given.only else ["hand", "ours"]:
            found[name].append(_round(name, given.vms, given.speed))
            print(name, found[name][-1], flush=True)
    raise SystemExit(_show(found, given.vms))


def _round(name: str, vms: int, speed: float) -> dict[str, float]:
    sys.path.insert(0, str(ROOT))
    from tests.crash import labproc

    with labproc.running(speed) as lab, tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "BENCH_LAB": json.dumps([lab.port, lab.token_id, lab.token_secret, lab.fingerprint]),
            "BENCH_HOME": home,
        }
        command = [sys.executable, "-m", "benchmarks.deploys", "--child", name, "--vms", str(vms)]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        result["requests_per_vm"] = round(lab.get("requests")["count"] / vms, 1)
        running = [one for one in lab.guests().values() if one["status"] == "running"]
        assert len(running) == vms, f"{len(running)} of {vms} run"
        return result


def _show(found: dict[str, list[dict[str, float]]], vms: int) -> int:
    """Print the medians beside their targets; 1 when one of ours is missed."""
    medians = {
        name: {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in found.items()
        if rounds
    }
    for name, values in medians.items():
        print(f"{name:>5}: " + ", ".join(f"{key} {value:.2f}" for key, value in values.items()))
    own = medians.get("ours", {})
    reached = [
        (f"{key} {own[key]:.2f} (target: {most:g})", own[key] <= most) for key, most in TARGETS.items() if own
    ]
    if len(medians) == 2:
        times = own["seconds"] / medians["hand"]["seconds"]
        reached.append(
            (f"makespan of {vms} VMs: {times:.2f} x hand-written (target: {MAKESPAN})", times <= MAKESPAN)
        )
    for line, good in reached:
        print(line if good else f"{line} MISSED")
    return int(not all(good for _, good in reached))


def _lab() -> tuple[int, str, str, str]:
    port, token_id, secret, fingerprint = json.loads(os.environ["BENCH_LAB"])
    return port, token_id, secret, fingerprint


def by_hand(vms: int) -> dict[str, float]:
    """One thread per VM; every call is made once, every task is polled five times per second."""
    from proxmoxer import ProxmoxAPI

    port, token_id, secret, _ = _lab()
    user, _, token = token_id.partition("!")

    def api() -> Any:
        return ProxmoxAPI(
            "127.0.0.1",
            port=port,
            user=user,
            token_name=token,
            token_value=secret,
            verify_ssl=False,
            timeout=60,
        )

    def succeeded(node: Any, upid: str | None) -> bool:
        while upid:
            state = node.tasks(upid).status.get()
            if state["status"] != "running":
                return str(state["exitstatus"]) == "OK"
            time.sleep(0.2)
        return True

    def retry(node: Any, call: Any) -> None:
        """Repeat the call until its task succeeds: storages and guests are locked from time to time."""
        while not succeeded(node, call()):
            time.sleep(0.5)

    def deploy(number: int) -> None:
        vmid, node = 5000 + number, api().nodes("pve1")
        clone = node.qemu(9002).clone
        retry(node, lambda: clone.post(newid=vmid, name=f"vm-{vmid}", full=1, storage="ceph"))
        guest = node.qemu(vmid)
        mac = guest.config.get()["net0"].split("=")[1].split(",")[0]
        retry(node, lambda: guest.resize.put(disk="scsi0", size="12G"))
        disk = guest.config.get()["scsi0"].split(",")[0]
        retry(node, lambda: guest.config.post(scsi1="ceph:3"))
        guest.config.put(
            cores=2,
            memory=2048,
            net0=f"virtio={mac},bridge=vmbr0,firewall=1,rate=12",
            scsi0=f"{disk},mbps_rd=50",
            ciuser="admin",
            cipassword="$6$abcdefgh$0123456789",
            ipconfig0=f"ip=10.20.0.{number % 250 + 1}/16,gw=10.20.0.1",
        )
        guest.firewall.options.put(enable=1)
        guest.firewall.ipset.post(name="ipfilter-net0")
        guest.firewall.ipset("ipfilter-net0").post(cidr=f"10.20.0.{number % 250 + 1}")
        retry(node, guest.status.start.post)

    before = _now()
    with ThreadPoolExecutor(vms) as pool:
        list(pool.map(deploy, range(vms)))
    return _measured(before, vms, vms)


def ours(vms: int, also: Callable[[], None] = lambda: None) -> dict[str, float]:
    """Deploy with the engine, its limits raised; `also` adds to the site before the engine starts."""
    from engine.clock import now_ms
    from engine.ipam import pools
    from engine.ipam.spec import PoolSpec
    from engine.running import Running
    from engine.store import secrets
    from engine.store.database import open_database, session, transaction
    from engine.store.migrate import migrate
    from engine.store.models import Client, Product, Server, Service, Vm
    from engine.store.urls import sqlite_url

    home = Path(os.environ["BENCH_HOME"])
    home.chmod(0o700)
    open_database(sqlite_url(home / "kvmtui.db"))
    migrate()
    secrets.use_key_file(home / "secret.key")
    port, token_id, secret, fingerprint = _lab()
    with transaction():
        server = Server.create(
            uid="bench",
            name="lab",
            hosts=["127.0.0.1"],
            port=port,
            token_id=token_id,
            token_secret=secrets.seal(secret, "server", "bench", "token_secret"),
            tls={"fingerprint": fingerprint},
            clones_per_storage=vms,
            tasks_per_node=vms * 2,
        )
        start, stop = ip_address("10.20.0.10"), ip_address("10.20.200.1")
        pools.create_pool(PoolSpec("lab", "IPv4", "vmbr0", 0, ip_address("10.20.0.1"), 16, start, stop))
        product = Product.create(name="P", server=server, spec=SPEC)
        client = Client.create(name="Acme")
        for _ in range(vms):
            service = Service.create(client=client, product=product)
            Vm.create(uid=str(uuid.uuid4()), service=service, server=server, due_at=now_ms())
    also()
    running = Running("daemon", "bench")
    before = _now()
    running.start()
    most = 0
    while True:
        time.sleep(0.2)
        most = max(most, threading.active_count())
        with session():
            left = Vm.select().where(Vm.server == server, Vm.vm_status != "ready").count()
        if not left:
            break
    result = _measured(before, vms, most)
    running.stop()
    return result


def _now() -> tuple[float, float]:
    """The time, and the CPU time used by this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), used.ru_utime + used.ru_stime


def _measured(before: tuple[float, float], vms: int, threads: int) -> dict[str, float]:
    """Time and CPU since `before`, so without imports and opening the database."""
    seconds, cpu = (end - start for end, start in zip(_now(), before, strict=True))
    return {"seconds": round(seconds, 2), "cpu_per_vm": round(cpu / vms, 3), "threads": threads}


CHILDREN = {"hand": by_hand, "ours": ours}

if __name__ == "__main__":
    main()
