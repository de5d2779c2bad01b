"""A whole site: a simulated cluster, a daemon that serves the API, and clients of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import Ran
from tests.crash import labproc
from tests.crash.labproc import LabProcess

MANIFEST = """
settings: {{smtp: {{host: ""}}}}
servers:
  - name: pve-lab
    hosts: [127.0.0.1]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{token_secret}"
    tls: {{fingerprint: "{fingerprint}"}}
pools:
  - {{server: pve-lab, type: IPv4, bridge: vmbr0, vlan: 0, gateway: 10.30.0.1, mask: 16, dns1: 8.8.8.8,
     start: 10.30.0.2, stop: 10.30.20.1}}
products:
  - &vps
    name: VPS-2
    server: pve-lab
    template: 9002
    clone: full
    first_vmid: 3000
    name_rule: "vps-{{service_id}}"
    main_domain: example.com
    cores: 2
    memory: 2048
    snapshots: 3
    backups: 2
    backup_storage: backup
    iso_storage: iso
    system_disk: {{storage: local-lvm, size: 12}}
  - {{<<: *vps, name: VPS-4, cores: 4}}
clients:
  - {{name: Acme, email: ops@acme.example}}
services:
  - {{id: 5546, client: Acme, product: VPS-2}}
"""


@dataclass
class Whole:
    """The site, its API, and the program that is its command line."""

    lab: LabProcess
    run: Callable[..., Ran]
    url: str
    token: str
    home: Path
    http: httpx.Client = field(
        default_factory=lambda: httpx.Client(timeout=90, trust_env=False, verify=False)
    )
    """One connection pool for all calls: plain HTTP, so no certificates are read."""

    def logged(self) -> str:
        """What the daemon wrote into its log."""
        return "".join(each.read_text() for each in (self.home / "logs").iterdir())

    def call(self, method: str, path: str, status: int = 202, **options: Any) -> Any:
        """The document of an answer with this status."""
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        answer = self.http.request(method, self.url + path, headers=headers, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def done(self, made: dict[str, Any]) -> dict[str, Any]:
        """The request of an answer, when it has ended well."""
        found: dict[str, Any] = {}
        for _ in range(3):
            found = self.call("GET", f"/api/v1/requests/{made['request']['id']}?wait=30", 200)
            if found["state"] in ("done", "failed", "withdrawn"):
                break
        assert found["state"] == "done", found
        return found


def settle(whole: Whole, service: int = 5546) -> None:
    """Wait until the VM of a service is ready."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if whole.call("GET", f"/api/v1/services/{service}/vm", 200)["vm_status"] == "ready":
            return
        time.sleep(0.2)
    raise AssertionError("the VM did not become ready")


@contextmanager
def running(home: Path, run: Callable[..., Ran], file: Path) -> Iterator[Whole]:
    """A site with one deployed VM, whose daemon serves the API."""
    import json
    import signal
    import subprocess
    import sys

    from tests.conftest import clean_environment

    with labproc.running(speed=200) as lab:
        file.write_text(
            MANIFEST.format(
                port=lab.port,
                token_id=lab.token_id,
                token_secret=lab.token_secret,
                fingerprint=lab.fingerprint,
            )
        )
        file.chmod(0o600)
        ran = run("apply", str(file))
        assert ran.exit == 0, ran.stderr
        made = run("token", "create", "shop", "--role", "owner", "--json")
        assert made.exit == 0, made.stderr
        (home / "config.toml").write_text('[api]\nrate_limit = 0\nproxies = ["127.0.0.1"]\n')
        (home / "config.toml").chmod(0o600)
        with (home / "daemon.out").open("w+") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "kvmtui", "--daemon", "--api", "127.0.0.1:0"],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=clean_environment(home),
                text=True,
            )
            try:
                end = time.monotonic() + 60
                while "API listens on " not in (said := (home / "daemon.out").read_text()):
                    assert process.poll() is None and time.monotonic() < end, said
                    time.sleep(0.05)
                url = said.split("API listens on ")[1].split()[0]
                whole = Whole(lab, run, url, json.loads(made.stdout)["secret"], home)
                settle(whole)
                with closing(whole.http):
                    yield whole
            finally:
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0, (home / "daemon.out").read_text()


@pytest.fixture
def whole(home: Path, kvmtui: Callable[..., Ran], tmp_path: Path) -> Iterator[Whole]:
    """A whole site."""
    with running(home, kvmtui, tmp_path / "site.yaml") as made:
        yield made
