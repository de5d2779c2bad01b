"""The VMs of the demo. Those that are ready were never deployed: their rows and guests are created directly."""

from __future__ import annotations

import random
import uuid

from engine.clock import now_ms
from engine.ipam import allocate
from engine.ipam.allocate import Want
from engine.plan import Plan, effective
from engine.proxmox.mark import Mark
from engine.running import instance
from engine.store.database import transaction
from engine.store.models import Client, Product, Run, Service, Vm, VmidClaim
from kvmtui.lab import Lab
from kvmtui.lab.volumes import CLOUDINIT_BYTES, GIB

READY, FRESH = 19, 4
FIRST_SERVICE, FIRST_VMID = 5501, 2000
_DAY = 86_400_000


def populate(lab: Lab) -> None:
    """Nineteen VMs that run (two of them are off), one suspended, four that deploy now, one that cannot."""
    chance = random.Random("demo")
    products = {row.name: row for row in Product.select()}
    clients = list(Client.select().order_by(Client.id))
    number = FIRST_SERVICE
    with transaction():
        for place in range(READY + 1):
            product = products["VPS-2" if place % 3 else "VPS-1"]
            status = "Suspended" if place == READY else "Active"
            off = place in (4, 11, READY)
            _ready(lab, number, product, chance.choice(clients), place, status, off, chance)
            number += 1
        for place in range(FRESH):
            _fresh(number, products["VPS-2" if place % 2 else "VPS-1"], clients[place % len(clients)])
            number += 1
        _fresh(number, products["VPS-Rocky"], clients[0])


def _service(number: int, product: Product, client: Client, status: str, age: int) -> Service:
    made = now_ms() - age
    return Service.create(id=number, product=product, client=client, status=status, created_at=made)


def _fresh(number: int, product: Product, client: Client) -> None:
    service = _service(number, product, client, "Pending", 0)
    Vm.create(uid=str(uuid.uuid4()), service=service, server=product.server, due_at=now_ms())


def _ready(
    lab: Lab,
    number: int,
    product: Product,
    client: Client,
    place: int,
    status: str,
    off: bool,
    chance: random.Random,
) -> None:
    age = chance.randrange(2, 400) * _DAY
    service = _service(number, product, client, status, age)
    plan = effective(product.spec, {})
    vmid, node = FIRST_VMID + place, f"pve{place % 3 + 1}"
    vm = Vm.create(
        uid=str(uuid.uuid4()),
        service=service,
        server=product.server,
        vm_status="ready",
        vmid=vmid,
        node=node,
        target_node=node,
        name=f"vps-{number}",
        domain="example.com",
        bridge="vmbr0",
        mac=f"BC:24:11:0D:{place:02X}:{chance.randrange(256):02X}",
        smbios_uuid=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        os_user="admin",
        plan=plan.as_dict(),
        remote_status="stopped" if off else "running",
        created_at=now_ms() - age,
        updated_at=now_ms() - age,
    )
    VmidClaim.create(server=product.server, vmid=vmid, vm=vm)
    allocate.allocate(vm, Want(ipv4=plan.network.ipv4, ipv6=plan.network.ipv6))
    Run.create(
        vm=vm,
        action="Deploy",
        from_status="creation",
        to_status="ready",
        result="success",
        started_at=now_ms() - age,
        finished_at=now_ms() - age + chance.randrange(40_000, 110_000),
    )
    by_hand = place % 8 == 5  # somebody took the limit of the network away in Proxmox
    _guest(lab, vm, plan, 0 if by_hand else plan.network.bandwidth, off)


def _guest(lab: Lab, vm: Vm, plan: Plan, rate: int, off: bool) -> None:
    """The same VM on the cluster, carrying our mark."""
    assert vm.vmid is not None
    disk = plan.system_disk
    limits = {name: getattr(disk, name) for name in ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")}
    limited = "".join(f",{name}={value}" for name, value in limits.items() if value)
    lab.foreign_create(vm.vmid, vm.node, vm.name)
    lab.foreign_volume(vm.vmid, f"ceph:vm-{vm.vmid}-disk-0", disk.size * GIB)
    lab.foreign_volume(vm.vmid, f"ceph:vm-{vm.vmid}-cloudinit", CLOUDINIT_BYTES)
    lab.foreign_config(
        vm.vmid,
        description=Mark(instance(), vm.uid).line,
        smbios1=f"uuid={vm.smbios_uuid}",
        cores=plan.cores,
        sockets=1,
        memory=str(plan.memory),
        net0=f"virtio={vm.mac},bridge=vmbr0,firewall=1" + (f",rate={rate}" if rate else ""),
        scsi0=f"ceph:vm-{vm.vmid}-disk-0{limited},size={disk.size}G",
        ide2=f"ceph:vm-{vm.vmid}-cloudinit,media=cdrom",
        boot="order=scsi0",
        agent="1",
        serial0="socket",
    )
    if not off:
        lab.foreign_power(vm.vmid, "running")
