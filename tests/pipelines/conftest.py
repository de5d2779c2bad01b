"""A small site on the simulated cluster, and one thread that walks its VMs until they rest."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest

from engine.clock import now_ms
from engine.ipam import pools
from engine.ipam.spec import PoolSpec
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.pipelines.steps import facts
from engine.proxmox.guest import Guest
from engine.proxmox.journal import SilentRecorder
from engine.proxmox.mark import Mark
from engine.running import instance
from engine.store import secrets
from engine.store.models import Client, Product, Run, Server, Service, Step, Vm
from engine.work import claims, requests, watch
from engine.work.ports import Ports
from engine.work.servers import Servers
from engine.work.walk import Walker
from kvmtui.lab import Lab, LabGuestState
from tests.conftest import Store

SPEC: dict[str, Any] = {
    "template": 9000,
    "target_node": "auto",
    "clone": "full",
    "first_vmid": 5000,
    "name_rule": "vm-{service_id}",
    "main_domain": "example.com",
    "cores": 2,
    "memory": 2048,
    "network": {"bandwidth": 12},
    "system_disk": {"storage": "local-lvm", "size": 20, "mbps_rd": 100, "iops_wr": 500},
    "additional_disk": {"storage": "local-lvm", "size": 5},
}
PLAN = {
    "snapshots": 2,
    "snapshot_lifetime": 3,
    "backups": 2,
    "backup_storage": "backup",
    "iso_storage": "iso",
}
"""What a product needs beyond SPEC for snapshots, backups and ISO images."""


@dataclass
class Site:
    """What a test asks for: services to make, VMs to walk, the cluster to look at."""

    lab: Lab
    server: Server
    walker: Walker
    stepping: bool = False
    owner: str = "test"
    products: dict[str, Product] = field(default_factory=dict)

    def product(self, **changes: Any) -> Product:
        """A product: the usual one with some parts changed."""
        spec = {**SPEC, **changes}
        return Product.create(name=f"P{uuid.uuid4().hex[:6]}", server=self.server, spec=spec)

    def service(self, product: Product | None = None, **fields: Any) -> Vm:
        """A service with its VM, about to deploy."""
        client, _ = Client.get_or_create(name="Acme", defaults={"email": "ops@acme.example"})
        row = Service.create(client=client, product=product or self.product(), **fields)
        return Vm.create(uid=str(uuid.uuid4()), service=row, server=self.server, due_at=now_ms())

    def ask(self, vm: Vm, pipeline: str, **args: Any) -> None:
        """Put a request into a VM's queue."""
        requests.add(vm, pipeline, args=args)

    def walk(self, vm: Vm, seconds: float = 40) -> Vm:
        """Work until this VM rests or its step failed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for claim in claims.claim_due(self.owner, 10):
                self.walker.walk(claim)
            watch.check(self.owner, self.walker.servers)
            row = Vm.get_by_id(vm.id)
            if self._rests(row):
                return row
            if self.stepping:
                self.lab.advance(20)
            time.sleep(0.03)
        raise AssertionError(f"still at {row.vm_status}: waits on {row.wait_kind} {row.wait_why}")

    def hurry(self, vm: Vm, looks: int = 400) -> Vm:
        """Work until this VM rests or its step failed, without waiting for locks and pauses to pass."""
        for _ in range(looks):
            row = self.once(vm)
            if self._rests(row):
                return row
            time.sleep(0.03)
        raise AssertionError(f"still at {row.vm_status}: waits on {row.wait_kind} {row.wait_why}")

    def _rests(self, row: Vm) -> bool:
        return row.due_at is None or bool(row.error and not row.wait_kind and row.due_at > now_ms() + 1000)

    def once(self, vm: Vm) -> Vm:
        """Look at this VM now, one time; it may park."""
        Vm.update(due_at=1).where(Vm.id == vm.id).execute()
        for claim in claims.claim_due(self.owner, 10):
            self.walker.walk(claim)
        return Vm.get_by_id(vm.id)

    def again(self, vm: Vm, **changes: Any) -> Vm:
        """Change the VM's row as an operator's reset would, and work until it rests."""
        Vm.update(error="", due_at=1, **changes).where(Vm.id == vm.id).execute()
        return self.walk(vm)

    def changing(self) -> list[tuple[str, str]]:
        """The requests so far that were not only looking, as (method, end of the path)."""
        sent = [(method, path) for method, path, _ in self.lab.requests.entries if method != "GET"]
        return [(method, path.removeprefix("/api2/json/nodes/").partition("/")[2]) for method, path in sent]

    def anti_spoofing(self, vm: Vm) -> list[str] | None:
        """What the set holds that lets only the VM's own addresses out; None when there is no set."""
        mark = Mark(self.walker.contexts.instance, vm.uid)
        cluster = self.walker.servers.cluster(self.server)
        entries = Guest(cluster, vm.vmid, mark).firewall.ipset("ipfilter-net0")
        return None if entries is None else sorted(entry.cidr for entry in entries)

    def back_up(self, vm: Vm, notes: str = "") -> None:
        """Make a backup of the VM."""
        cluster = self.walker.servers.cluster(self.server)
        with self.walker.servers.recording(SilentRecorder()):
            upid = Guest(cluster, vm.vmid, Mark(self.walker.contexts.instance, vm.uid)).backup(
                "backup", notes
            )
        while cluster.task_ending(upid) is None:
            pass

    def backups(self, vm: Vm) -> list[str]:
        """The backups the cluster holds of the VM's number."""
        return [volume.volid for volume in self.lab.volumes() if f"qemu-{vm.vmid}-" in volume.volid]

    def notes(self, vm: Vm) -> list[str]:
        """Every note of the last run, in order."""
        run = Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()
        return [note for row in Step.select().where(Step.run == run).order_by(Step.n) for note in row.notes]

    def guest(self, vm: Vm) -> LabGuestState:
        """The VM as the cluster has it."""
        vmid = Vm.get_by_id(vm.id).vmid
        return next(guest for guest in self.lab.guests() if guest.vmid == vmid)

    def steps(self, vm: Vm) -> list[tuple[str, str, str]]:
        """The last run as (step, result, error)."""
        run = Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()
        return [
            (row.step, row.result, row.error) for row in Step.select().where(Step.run == run).order_by(Step.n)
        ]


@pytest.fixture
def site(sqlite_store: Store) -> Iterator[Site]:
    """A site with one server and two pools, on a cluster where nothing takes long."""
    with Lab(nodes=3, speed=200.0) as lab:
        yield from make_site(lab)


@pytest.fixture
def stepped_site(sqlite_store: Store) -> Iterator[Site]:
    """The same on a cluster whose time stands still, except while `walk` pushes it forward."""
    with Lab(nodes=3, paused=True) as lab:
        yield from make_site(lab, stepping=True)


def make_site(lab: Lab, stepping: bool = False) -> Iterator[Site]:
    """A site on this cluster, closed in the end."""
    facts.forget()
    uid = str(uuid.uuid4())
    server = Server.create(
        uid=uid,
        name="pve-lab",
        hosts=[lab.host],
        port=lab.port,
        token_id=lab.token_id,
        token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        tls={"fingerprint": lab.fingerprint},
    )
    make_pool(server, "IPv4", "192.168.130.1", 24, "192.168.130.10", "192.168.130.40")
    make_pool(server, "IPv6", "2001:db8::1", 64, "2001:db8::10", "2001:db8::ffff")
    servers = Servers()
    yield Site(lab, server, Walker(catalog(), servers, Contexts(servers, Ports(), instance())), stepping)
    servers.close()


def make_pool(
    server: Server, kind: str, gateway: str, mask: int, start: str, stop: str, bridge: str = "vmbr0"
) -> None:
    """A pool, on the first bridge unless another is named."""
    pools.create_pool(
        PoolSpec(
            server=server.name,
            type=kind,
            bridge=bridge,
            vlan=0,
            gateway=ip_address(gateway),
            mask=mask,
            dns1="9.9.9.9",
            dns2="1.1.1.1",
            start=ip_address(start),
            stop=ip_address(stop),
        )
    )
