"""Measure the CPU time the API spends on one request: sequential requests, no other load.

    python -m benchmarks.api_cost [--services 1000] [--requests 1000]

CPU time is more reliable than latency on a busy machine. Also prints the memory of the process.
"""

from __future__ import annotations

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.api import ROOT, Site, cpu_s, memory_mb, served

WARM = 50


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site = filled(Path(folder), given.services)
        with served(site):
            print(f"{'memory before the first request MB':<45} {memory_mb(site.pid):>10.1f}")
            for name, cost in _costs(site, given).items():
                print(f"{name:<45} {cost:>10.2f}")
            print(f"{'memory after all of them MB':<45} {memory_mb(site.pid):>10.1f}")
    return 0


def filled(home: Path, services: int) -> Site:
    """Create a site with this many services and no engine."""
    home.chmod(0o700)
    site = Site(home)
    site.run("server", "list")  # creates the database
    fill = [sys.executable, "-m", "benchmarks.api_fill", str(home), str(services)]
    subprocess.run(fill, env=site.environment, cwd=ROOT, check=True)
    site.token = json.loads(site.run("token", "create", "bench", "--role", "owner", "--json"))["secret"]
    (home / "config.toml").write_text("[api]\nrate_limit = 0\n")
    (home / "config.toml").chmod(0o600)
    return site


def _costs(site: Site, given: argparse.Namespace) -> dict[str, float]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc)
    headers = {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"}

    def send(method: str, path: str, body: object = None, key: str = "") -> None:
        more = {"Idempotency-Key": key} if key else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers | more)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 202), content

    number = iter(range(1, 1 << 30))
    order = {"client": "client 1", "product": "VPS"}
    kinds: dict[str, tuple[int, Callable[[], None]]] = {
        "health": (given.requests, lambda: send("GET", "/api/v1/health")),
        "GET /services/{id}": (
            given.requests,
            lambda: send("GET", f"/api/v1/services/{next(number) % given.services + 1}"),
        ),
        "GET /services/{id}/vm": (
            given.requests // 4,
            lambda: send("GET", f"/api/v1/services/{next(number) % given.services + 1}/vm"),
        ),
        "GET /services?limit=100": (given.requests // 10, lambda: send("GET", "/api/v1/services?limit=100")),
        "POST /services": (
            given.requests // 4,
            lambda: send("POST", "/api/v1/services", order, f"key-{next(number)}"),
        ),
        "PATCH /services/{id}": (
            given.requests // 4,
            lambda: send("PATCH", "/api/v1/services/1", {"notes": f"note {next(number)}"}),
        ),
    }
    found: dict[str, float] = {}
    for name, (count, one) in kinds.items():
        for _ in range(min(WARM, count)):
            one()
        began, clock = cpu_s(site.pid), time.perf_counter()
        for _ in range(count):
            one()
        found[f"{name}: CPU ms"] = (cpu_s(site.pid) - began) / count * 1000
        found[f"{name}: ms"] = (time.perf_counter() - clock) / count * 1000
    return found


if __name__ == "__main__":
    sys.exit(main())
