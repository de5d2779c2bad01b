"""A site whose engine is killed: one lab for all, a database of its own for each case, and what must hold after."""

from __future__ import annotations

import os
import shutil
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from engine.clock import now_ms
from engine.ipam import pools
from engine.ipam.spec import PoolSpec
from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.models import Address, Call, Client, Product, Run, Server, Service, Vm, VmidClaim
from engine.store.urls import sqlite_url
from engine.work import requests
from tests import seeds
from tests.crash import engineproc, labproc
from tests.crash.labproc import LabProcess

# the gate looks at every n-th moment, at another offset in each run; `make soak` looks at all of them
STRIDE = int(os.environ.get("KVMTUI_CRASH_STRIDE", "47"))
LAST_MOMENT = 600
LONGEST = 900 if STRIDE > 5 else 0  # looking at every moment takes as long as it takes
SPEC: dict[str, Any] = {
    "template": 9002,
    "clone": "full",
    "first_vmid": 5000,
    "name_rule": "vm-{service_id}",
    "main_domain": "example.com",
    "system_disk": {"storage": "local-lvm", "size": 12, "mbps_rd": 50},
    "additional_disk": {"storage": "local-lvm", "size": 3},
}


@pytest.fixture(scope="module")
def lab() -> Iterator[LabProcess]:
    """One cluster for all cases; each case has VMs of its own."""
    with labproc.running() as lab:
        yield lab


@dataclass
class Case:
    """A site whose engine is killed."""

    lab: LabProcess
    url: str
    key_file: Path
    server: Server
    product: Product

    def service(self) -> Vm:
        """A VM about to deploy."""
        client, _ = Client.get_or_create(name="Acme")
        service = Service.create(client=client, product=self.product)
        return Vm.create(uid=str(uuid.uuid4()), service=service, server=self.server, due_at=now_ms())

    def killed_at(self, moment: int) -> bool:
        """Run until the moment; False when the engine finished before it."""
        code = engineproc.run(self.url, self.key_file, moment)
        assert code in (engineproc.FINISHED, -signal.SIGKILL), (
            f"the engine ended with {code} before moment {moment}"
        )
        return code == -signal.SIGKILL

    def ask(self, vm: Vm, pipeline: str, **args: Any) -> None:
        """Put a request into a VM's queue."""
        requests.add(vm, pipeline, args=args)

    def recover(self, again_at: int | None) -> None:
        """Start again, perhaps to be killed once more, then run to the end."""
        if again_at is not None:
            engineproc.run(self.url, self.key_file, again_at)
        code = engineproc.run(self.url, self.key_file)
        waits = [(vm.service_id, vm.vm_status, vm.wait_kind, vm.wait_why, vm.error) for vm in Vm.select()]
        assert code == engineproc.FINISHED, f"the engine did not come to rest ({code}): {waits}"


@pytest.fixture
def case(lab: LabProcess, tmp_path: Path, migrated_sqlite: Path) -> Iterator[Case]:
    """A site on the cluster with an address pool wide enough for every try."""
    path = tmp_path / "kvmtui.db"
    shutil.copy(migrated_sqlite, path)
    url, key_file = sqlite_url(path), tmp_path / "secret.key"
    open_database(url)
    secrets.use_key_file(key_file)
    uid = str(uuid.uuid4())
    server = Server.create(
        uid=uid,
        name="pve-lab",
        hosts=["127.0.0.1"],
        port=lab.port,
        token_id=lab.token_id,
        token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        tls={"fingerprint": lab.fingerprint},
    )
    pools.create_pool(
        PoolSpec(
            server=server.name,
            type="IPv4",
            bridge="vmbr0",
            vlan=0,
            gateway=ip_address("10.20.0.1"),
            mask=16,
            start=ip_address("10.20.0.10"),
            stop=ip_address("10.20.200.1"),
        )
    )
    first = max([5000, *lab.guests()]) + 1
    product = Product.create(name="P", server=server, spec={**SPEC, "first_vmid": first})
    yield Case(lab, url, key_file, server, product)
    secrets.forget_key()
    close_database()


def holds(case: Case, vm: Vm, status: str) -> Vm:
    """Everything that must be true of a VM after its engine was killed and came back."""
    vm = Vm.get_by_id(vm.id)
    assert (vm.vm_status, vm.error) == (status, "")
    assert not Run.select().where(Run.vm == vm.id, Run.live == 1).exists()
    assert (
        not Call.select()
        .where(Call.vm == vm.id, Call.state.in_(("intent", "answered", "ambiguous")))
        .exists()
    )
    guests = case.lab.guests()
    ours = [guest for guest in guests.values() if vm.uid in guest["description"]]
    wanted = [] if status == "remove" else [vm.vmid]
    assert [guest["vmid"] for guest in ours] == wanted
    volumes = [volume["volid"] for volume in case.lab.get("volumes")]
    numbers = {claim.vmid for claim in VmidClaim.select()}
    held = {volume for guest in guests.values() for volume in guest["volumes"]}
    orphans = [volid for volid in volumes if any(f"vm-{n}-" in volid for n in numbers) and volid not in held]
    assert orphans == []
    if status == "ready":
        config = ours[0]["config"]
        assert ours[0]["status"] == "running" and ours[0]["lock"] is None
        assert "size=12G" in config["scsi0"] and "size=3G" in config["scsi1"]
        assert not [key for key in config if key.startswith("unused") or key == "scsi2"]
        assert Address.select().where(Address.vm == vm.id).count() == 1
    else:
        assert not Address.select().where(Address.vm == vm.id).exists()
    return vm


def moments(stride: int = STRIDE) -> Iterator[tuple[int, int | None]]:
    """The moments to be killed at, and at which moment of the recovery once more."""
    chance = seeds.chance("crash")
    for moment in range(1 + chance.randrange(stride), LAST_MOMENT, stride):
        yield moment, chance.choice([None, chance.randrange(1, 60)])
