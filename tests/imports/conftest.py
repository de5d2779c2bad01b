"""A site with a server and nothing else, beside a cluster with the VMs of the shop in whmcs.sql."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kvmtui.lab import Lab
from tests.conftest import Ran

DUMP = Path(__file__).parent / "whmcs.sql"
SERVER = """
servers:
  - name: pve-lab
    hosts: [127.0.0.1]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{token_secret}"
    tls: {{fingerprint: "{fingerprint}"}}
"""
MARK = "kvmtui instance=99999999-9999-4999-8999-999999999999 vm=22222222-2222-4222-8222-222222222222"


@dataclass
class ShopSite:
    """An operator who moves a shop."""

    lab: Lab
    home: Path
    run: Callable[..., Ran]

    def move(self, *arguments: str, dump: Path = DUMP, **more: Any) -> Ran:
        """`kvmtui import whmcs` with this dump."""
        return self.run("import", "whmcs", "--db-dump", str(dump), *arguments, **more)

    def json(self, *arguments: str) -> Any:
        """The document of a read verb."""
        ran = self.run(*arguments, "--json")
        assert ran.exit == 0, ran.stderr
        return json.loads(ran.stdout)

    def config(self, vmid: int) -> dict[str, Any]:
        """A guest's config on the cluster."""
        guest = self.lab.guest(vmid)
        assert guest is not None
        return dict(guest.config)

    def vm(self, vmid: int, name: str, address: str, running: bool = True, **config: Any) -> None:
        """Put a VM on the cluster, as the module left it."""
        self.lab.foreign_create(vmid, "pve2", name)
        usual = {
            "net0": f"virtio=BC:24:11:00:{vmid // 100:02d}:{vmid % 100:02d},bridge=vmbr0,firewall=1",
            "ipconfig0": f"ip={address}/24,gw=192.168.130.1",
            "smbios1": f"uuid=33333333-3333-4333-8333-{vmid:012d}",
            "description": "made by the shop",
        }
        self.lab.foreign_config(vmid, **{**usual, **config})
        if running:
            self.lab.foreign_power(vmid, "running")


@pytest.fixture(scope="module")
def shared_lab() -> Iterator[Lab]:
    """One cluster for the tests of a module."""
    with Lab(nodes=3, speed=200.0) as lab:
        yield lab


@pytest.fixture
def shop(shared_lab: Lab, home: Path, kvmtui: Callable[..., Ran], tmp_path: Path) -> Iterator[ShopSite]:
    """The site before the move: a server of our own, and the shop's VMs on its cluster."""
    lab = shared_lab
    file = tmp_path / "server.yaml"
    file.write_text(
        SERVER.format(
            port=lab.port, token_id=lab.token_id, token_secret=lab.token_secret, fingerprint=lab.fingerprint
        )
    )
    file.chmod(0o600)
    made = ShopSite(lab, home, kvmtui)
    assert kvmtui("apply", str(file)).exit == 0
    before = {guest.vmid for guest in lab.guests()}
    made.vm(2001, "5546-1776530141.example.com", "192.168.130.2")
    made.vm(2002, "7-5547", "192.168.130.4", running=False)
    made.vm(2003, "7-5548", "192.168.130.5")
    made.vm(2005, "7-5552", "192.168.130.7", description=MARK)
    made.vm(2006, "another", "192.168.130.8")
    made.vm(2007, "7-5554", "192.168.130.99")
    made.vm(2008, "12-5555", "192.168.130.10")
    made.vm(2009, "7-5556", "192.168.130.11")
    made.vm(2010, "9-5557", "192.168.130.12")
    yield made
    for guest in lab.guests():
        if guest.vmid not in before:
            lab.foreign_delete(guest.vmid)
