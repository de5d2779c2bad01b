"""The installed program, a home of its own, and a cluster beside it: driven and judged from outside."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran, clean_environment
from tests.crash import labproc
from tests.crash.labproc import LabProcess
from tests.journeys.pseudo_terminal import Console

MANIFEST = """
servers:
  - name: pve-lab
    hosts: [127.0.0.1]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{token_secret}"
    tls: {{fingerprint: "{fingerprint}"}}
pools:
  - {{server: pve-lab, type: IPv4, bridge: vmbr0, vlan: 0, gateway: 192.168.130.1, mask: 24, dns1: 8.8.8.8,
     start: 192.168.130.2, stop: 192.168.130.30}}
products:
  - name: VPS-2
    server: pve-lab
    template: 9002
    clone: full
    first_vmid: {first}
    name_rule: "vps-{{service_id}}"
    main_domain: example.com
    cores: 2
    memory: 2048
    system_disk: {{storage: local-lvm, size: 12}}
clients:
  - {{name: Acme, email: ops@acme.example}}
services:
  - {{id: 5546, client: Acme, product: VPS-2}}
"""


@pytest.fixture(scope="session")
def lab() -> Iterator[LabProcess]:
    """One cluster for all journeys of this process."""
    with labproc.running(speed=60) as lab:
        yield lab


@dataclass
class Journey:
    """One operator's site."""

    lab: LabProcess
    home: Path
    run: Callable[..., Ran]
    """Runs a command line in this process."""
    process: Callable[..., Ran]
    """Runs one in a process of its own, as an operator's shell or crontab does."""
    first_vmid: int

    def ok(self, *arguments: str, **more: Any) -> str:
        """Run a verb that must succeed; its stdout."""
        ran = self.run(*arguments, **more)
        assert ran.exit == 0, f"kvmtui {' '.join(arguments)}: {ran.exit}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def json(self, *arguments: str) -> Any:
        """The JSON document of a read verb."""
        return json.loads(self.ok(*arguments, "--json"))

    def vm(self, service: int = 5546) -> dict[str, Any]:
        """One row of `vm list`."""
        return next(row for row in self.json("vm", "list") if row["service_id"] == service)

    def guest(self, service: int = 5546) -> dict[str, Any]:
        """The same machine as the cluster has it."""
        return self.lab.guests(lowest=2000)[self.vm(service)["vmid"]]

    def guests(self) -> list[str]:
        """The names of every guest this site has made; other journeys use the same cluster."""
        found = self.lab.guests(lowest=self.first_vmid)
        return [one["config"]["name"] for vmid, one in found.items() if vmid < 5000]

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[str]]:
        """The engine in a process of its own."""
        log = (self.home / "daemon.out").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "kvmtui", "--daemon"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=clean_environment(self.home),
            text=True,
        )
        try:
            end = time.monotonic() + 30
            while "daemon started" not in (self.home / "daemon.out").read_text():
                assert process.poll() is None and time.monotonic() < end, (
                    self.home / "daemon.out"
                ).read_text()
                time.sleep(0.05)
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(20)
            log.close()


@pytest.fixture
def journey(
    lab: LabProcess,
    home: Path,
    kvmtui: Callable[..., Ran],
    kvmtui_process: Callable[..., Ran],
    tmp_path: Path,
) -> Journey:
    """A site set up by its manifest, with one service waiting to be deployed."""
    first = max([3000, *(vmid for vmid in lab.guests(2000) if vmid < 5000)]) + 1
    file = tmp_path / "site.yaml"
    file.write_text(
        MANIFEST.format(
            port=lab.port,
            token_id=lab.token_id,
            token_secret=lab.token_secret,
            fingerprint=lab.fingerprint,
            first=first,
        )
    )
    file.chmod(0o600)
    made = Journey(lab, home, kvmtui, kvmtui_process, first)
    made.ok("apply", str(file))
    return made


@pytest.fixture
def console(home: Path) -> Iterator[Callable[..., Console]]:
    """Starts consoles on one home and ends them all."""
    started: list[Console] = []

    def start(*arguments: str, **environment: str) -> Console:
        started.append(Console(home, *arguments, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()
