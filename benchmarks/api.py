"""Measure the HTTP API under load: latency while VMs deploy, effect on the deploys, memory, event streams.

    python -m benchmarks.api [--vms 60] [--rate 100] [--seconds 20] [--services 100000] [--listeners 200] [--speed 5]

Prints each figure with its target; exits with 1 if a target is missed. The API, the engine and the simulated cluster
run in separate processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
TARGETS = {
    "GET /services/{id} p99 ms": 20.0,
    "POST /services p99 ms": 50.0,
    "deploys: makespan with load / without": 1.05,
    "list of all services, first page ms": 30.0,
    "memory of the API MB": 80.0,
    "event streams: CPU %": 5.0,
}
EVENTS_S = 15  # 60 VMs that deploy within a minute, 15 steps each
MANIFEST = """
servers:
  - &server
    name: pve-lab
    hosts: [127.0.0.1]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{secret}"
    tls: {{fingerprint: "{fingerprint}"}}
  - {{<<: *server, name: pve-paused}}
pools:
  - {{server: pve-lab, type: IPv4, bridge: vmbr0, vlan: 0, gateway: 10.40.0.1, mask: 16,
     start: 10.40.0.2, stop: 10.40.200.1}}
products:
  - &vps
    name: VPS
    server: pve-lab
    template: 9002
    target_node: pve1
    clone: full
    first_vmid: 5000
    name_rule: "vm-{{service_id}}"
    main_domain: example.com
    system_disk: {{storage: ceph, size: 12}}
  - {{<<: *vps, name: Paused, server: pve-paused}}
clients:
  - {{name: Acme, email: ops@acme.example}}
"""


class Site:
    """A KVMTUI_HOME, and the API that is served from it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "KVMTUI_HOME": str(home), "PYTHONPATH": str(ROOT)}
        self.token = self.url = ""
        self.pid = 0

    def run(self, *arguments: str) -> str:
        """Run one verb and return its stdout."""
        command = [sys.executable, "-m", "kvmtui", *arguments]
        done = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    @contextmanager
    def process(self, *arguments: str, wait_for: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Run a verb until the block ends; yield it and its first line that contains `wait_for`."""
        with subprocess.Popen(
            [sys.executable, "-m", "kvmtui", *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            line = next(each for each in process.stdout if wait_for in each)
            drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
            try:
                yield process, line
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
                drain.wait(5)

    def client(self) -> httpx.AsyncClient:
        """An HTTP client that sends the token."""
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=60, limits=limits
        )


def main() -> int:
    """Print the figures; 1 if a target is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vms", type=int, default=60)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--services", type=int, default=100_000)
    parser.add_argument("--listeners", type=int, default=200)
    parser.add_argument("--speed", type=float, default=5.0)
    given = parser.parse_args()
    found: dict[str, float] = {}
    for load in (False, True):
        makespan, figures = _deploys(given, load)
        found |= figures
        found[f"makespan s {'with' if load else 'without'} load"] = makespan
    with_load, without = found["makespan s with load"], found["makespan s without load"]
    found["deploys: makespan with load / without"] = with_load / without
    found |= _large(given)
    missed = 0
    for name, value in found.items():
        target = TARGETS.get(name)
        judged = "" if target is None else f"  target {target:g}  {'ok' if value <= target else 'MISSED'}"
        missed += judged.endswith("MISSED")
        print(f"{name:<45} {value:>10.2f}{judged}")
    return 1 if missed else 0


def _deploys(given: argparse.Namespace, load: bool) -> tuple[float, dict[str, float]]:
    """Seconds until all VMs are ready, and the figures of the API during that time."""
    from tests.crash import labproc

    with labproc.running(given.speed) as lab, tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder), lab)
        with served(site), site.process("--daemon", wait_for="daemon started"):
            return asyncio.run(_measure(site, given, load))


def _site(home: Path, lab: Any) -> Site:
    home.chmod(0o700)
    site = Site(home)
    (home / "config.toml").write_text("[api]\nrate_limit = 0\n")
    file = home / "site.yaml"
    file.write_text(
        MANIFEST.format(
            port=lab.port, token_id=lab.token_id, secret=lab.token_secret, fingerprint=lab.fingerprint
        )
    )
    for each in (file, home / "config.toml"):
        each.chmod(0o600)
    site.run("apply", str(file))
    site.run("server", "pause", "pve-paused")
    site.token = json.loads(site.run("token", "create", "bench", "--role", "owner", "--json"))["secret"]
    return site


@contextmanager
def served(site: Site) -> Iterator[None]:
    """Serve the API of a site while the block runs."""
    with site.process("api", "127.0.0.1:0", wait_for="listens on") as (process, line):
        site.url, site.pid = line.split("listens on ")[1].strip(), process.pid
        yield


async def _measure(site: Site, given: argparse.Namespace, load: bool) -> tuple[float, dict[str, float]]:
    async with site.client() as http:
        for number in range(given.vms):
            await http.post(
                "/api/v1/services", json={"client": "Acme", "product": "VPS"}, headers=_key(number)
            )
        began = time.monotonic()
        took: dict[str, list[float]] = {"GET": [], "POST": []}
        loading = asyncio.create_task(_load(http, given, took)) if load else None
        while True:
            page = (await http.get("/api/v1/services?limit=500")).json()["items"]
            first = [each for each in page if each["id"] <= given.vms]
            if all(each["vm_status"] == "ready" for each in first):
                break
            await asyncio.sleep(0.5)
        makespan = time.monotonic() - began
        if loading is not None:
            await loading
    figures = {"memory of the API MB": memory_mb(site.pid)} if load else {}
    if load:
        figures |= {
            "GET /services/{id} p50 ms": statistics.median(took["GET"]),
            "GET /services/{id} p99 ms": _p99(took["GET"]),
            "POST /services p50 ms": statistics.median(took["POST"]),
            "POST /services p99 ms": _p99(took["POST"]),
        }
    return makespan, figures


async def _load(http: httpx.AsyncClient, given: argparse.Namespace, took: dict[str, list[float]]) -> None:
    """Send requests at a fixed rate, however slow the responses are; every tenth creates a service.

    Those services use a paused server, so they deploy nothing.
    """
    pending = set()
    began = time.monotonic()
    for number in range(given.rate * given.seconds):
        await asyncio.sleep(max(0.0, began + number / given.rate - time.monotonic()))
        one = _post(http, number, took) if number % 10 == 0 else _get(http, number % given.vms + 1, took)
        pending.add(task := asyncio.create_task(one))
        task.add_done_callback(pending.discard)
    await asyncio.gather(*pending)


async def _get(http: httpx.AsyncClient, service: int, took: dict[str, list[float]]) -> None:
    began = time.perf_counter()
    answer = await http.get(f"/api/v1/services/{service}")
    took["GET"].append((time.perf_counter() - began) * 1000)
    assert answer.status_code == 200, answer.text


async def _post(http: httpx.AsyncClient, number: int, took: dict[str, list[float]]) -> None:
    began = time.perf_counter()
    order = {"client": "Acme", "product": "Paused"}
    answer = await http.post("/api/v1/services", json=order, headers=_key(f"load-{number}"))
    took["POST"].append((time.perf_counter() - began) * 1000)
    assert answer.status_code == 202, answer.text


def _large(given: argparse.Namespace) -> dict[str, float]:
    """Latency of the first page of a long list, and CPU use of many open event streams."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o700)
        site = Site(home)
        site.run("server", "list")  # creates the database
        fill = [sys.executable, "-m", "benchmarks.api_fill", str(home), str(given.services)]
        subprocess.run(fill, env=site.environment, cwd=ROOT, check=True)
        site.token = json.loads(site.run("token", "create", "bench", "--role", "owner", "--json"))["secret"]
        (home / "config.toml").write_text("[api]\nrate_limit = 0\n")
        (home / "config.toml").chmod(0o600)
        with served(site):
            return asyncio.run(_lists_and_streams(site, given))


async def _lists_and_streams(site: Site, given: argparse.Namespace) -> dict[str, float]:
    async with site.client() as http:
        took = []
        for _ in range(20):
            began = time.perf_counter()
            (await http.get("/api/v1/services?limit=100")).raise_for_status()
            took.append((time.perf_counter() - began) * 1000)
        received: list[int] = []
        listeners = [asyncio.create_task(_listen(http, received)) for _ in range(given.listeners)]
        await asyncio.sleep(3)
        publisher = [sys.executable, "-m", "benchmarks.api_events", str(site.home), str(EVENTS_S), "10"]
        before, began = cpu_s(site.pid), time.monotonic()
        ran = await asyncio.create_subprocess_exec(*publisher, env=site.environment, cwd=ROOT)
        assert await ran.wait() == 0
        spent = (cpu_s(site.pid) - before) / (time.monotonic() - began)
        await asyncio.sleep(2)
        assert len(received) >= given.listeners * EVENTS_S * 10, "a stream lost events"
        for each in listeners:
            each.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
    return {
        "list of all services, first page ms": statistics.median(took),
        "event streams: CPU %": 100 * spent,
    }


async def _listen(http: httpx.AsyncClient, received: list[int]) -> None:
    async with http.stream("GET", "/api/v1/events", timeout=None) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                received.append(int(line[4:]))


def _key(number: object) -> dict[str, str]:
    return {"Idempotency-Key": f"order-{number}"}


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def cpu_s(pid: int) -> float:
    """CPU seconds used by a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
