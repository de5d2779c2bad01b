"""A site with one running VM on a simulated cluster, and the program in a pseudo-terminal."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.audit import Actor
from engine.proxmox.mark import Mark, stamped
from engine.queries.audit import newest
from engine.running import instance
from engine.store import secrets
from engine.store.models import Client, Product, Server, Service, Vm
from kvmtui.lab import Lab
from tests.conftest import Ran, Store
from tests.consoles.pseudo import Pseudo, run

ME = Actor("tester", "192.0.2.7", "cli")
VMID = 100
SERVICE = 5546
NAME = "vps-5546"


@dataclass
class ConsoleSite:
    """One operator's site: its KVMTUI_HOME, its cluster, and the VM with the consoles."""

    home: Path
    lab: Lab
    vm: Vm

    def trail(self) -> list[tuple[str, dict[str, Any], str]]:
        """What the audit trail says of consoles, oldest first: action, what, result."""
        rows = [row for row in newest(100) if row.action.startswith("console")]
        return [(row.action, dict(row.after), row.result) for row in reversed(rows)]


@pytest.fixture
def site(sqlite_store: Store, tmp_path: Path) -> Iterator[ConsoleSite]:
    """A running VM of ours with a serial port."""
    with Lab(speed=200) as lab:
        yield ConsoleSite(tmp_path, lab, _running_vm(lab))


def _running_vm(lab: Lab) -> Vm:
    uid, vm_uid = str(uuid.uuid4()), str(uuid.uuid4())
    server = Server.create(
        uid=uid,
        name="pve-lab",
        hosts=[lab.host],
        port=lab.port,
        token_id=lab.token_id,
        token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        tls={"fingerprint": lab.fingerprint},
    )
    client = Client.create(name="Acme", email="ops@acme.example")
    product = Product.create(name="VPS-2", server=server, spec={"template": 9000})
    service = Service.create(id=SERVICE, client=client, product=product, status="Active")
    mark = Mark(instance(), vm_uid)
    lab.foreign_config(VMID, serial0="socket", name=NAME, description=stamped("", mark))
    return Vm.create(
        uid=vm_uid, service=service, server=server, vm_status="ready", vmid=VMID, node="pve1", name=NAME
    )


@pytest.fixture
def kvmtui(site: ConsoleSite) -> Callable[..., Ran]:
    """Run the program on the site's KVMTUI_HOME, without a terminal."""
    return lambda *arguments, **more: run(site.home, *arguments, **more)


@pytest.fixture
def terminal(site: ConsoleSite) -> Iterator[Callable[..., Pseudo]]:
    """Starts the program in pseudo terminals and ends them all."""
    with ExitStack() as all_of_them:
        yield lambda *arguments, **more: all_of_them.enter_context(Pseudo(site.home, *arguments, **more))
