"""The world a lab starts with: nodes, storages, templates, ISO files and guests of somebody else."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from kvmtui.lab.drives import join
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import CLOUDINIT_BYTES, FILE_STORAGES, GIB, MIB, LabVolume, size_text
from kvmtui.lab.world import LabCluster

TOKEN_ID = "kvmtui@pve!lab"  # noqa: S105 - a name, not the secret
DAY = 86_400
# The roles of docs/proxmox-role.md.
ROLE_CONSOLE = (
    "VM.Audit",
    "VM.Allocate",
    "VM.Config.CPU",
    "VM.Config.Memory",
    "VM.Config.Disk",
    "VM.Config.Network",
    "VM.Config.Options",
    "VM.Config.Cloudinit",
    "VM.PowerMgmt",
    "VM.Migrate",
    "VM.Config.CDROM",
    "VM.Snapshot",
    "VM.Backup",
    "VM.Console",
)
# The right over the guest agent, whose name changed with version 9.
ROLE_AGENT = {8: "VM.Monitor", 9: "VM.GuestAgent.Unrestricted"}
ROLE_TEMPLATE = ("VM.Audit", "VM.Clone")
ROLE_STORE = ("Datastore.AllocateSpace", "Datastore.Audit")
ROLE_ISO = ("Datastore.Audit",)
ROLE_NODE = ("Sys.Audit",)
ROLE_NET = ("SDN.Use",)
NODE_SIZES = ((64 * GIB, 16), (128 * GIB, 24), (32 * GIB, 8))
# vmid, name, ostype, disk, data in it, storage
TEMPLATES = (
    (9000, "debian-12-cloud", "l26", 3 * GIB, 900 * MIB, "local-lvm"),
    (9001, "ubuntu-24.04-cloud", "l26", 3584 * MIB, 1200 * MIB, "local-lvm"),
    (9002, "alpine-3.20-cloud", "l26", 1 * GIB, 200 * MIB, "local-lvm"),
    (9003, "windows-2022-cloud", "win11", 32 * GIB, 12 * GIB, "local-lvm"),
    (9010, "debian-12-cloud-ceph", "l26", 3 * GIB, 900 * MIB, "ceph"),
)
FOREIGN = (
    (100, "mail.example.org", 0, "running", 2048),
    (101, "db.example.org", 1, "running", 8192),
    (105, "old-wiki", 1, "stopped", 1024),
    (113, "monitoring", 2, "running", 2048),
    (120, "win-terminal", 0, "stopped", 4096),
    (2042, "lab-router", 2, "running", 512),
)
ISOS = (
    ("Debian-12.5.0-amd64-netinst.iso", 659 * MIB),
    ("Debian-13.1.0-amd64-netinst.iso", 783 * MIB),
    ("Ubuntu-22.04.4-live-server-amd64.iso", 2104 * MIB),
    ("Ubuntu-24.04.1-live-server-amd64.iso", 2651 * MIB),
    ("Windows-Server-2022.iso", 4813 * MIB),
    ("Windows-virtio-0.1.262.iso", 700 * MIB),
    ("myfile.iso", 51 * MIB),
)


def storages() -> dict[str, dict[str, Any]]:
    """Every storage, the same on all nodes."""
    backup = {"type": "nfs", "server": "192.0.2.50", "export": "/srv/backup", "path": "/mnt/pve/backup"}
    iso = {"type": "nfs", "server": "192.0.2.50", "export": "/srv/iso", "path": "/mnt/pve/iso"}
    return {
        "local": {
            "type": "dir",
            "path": "/var/lib/vz",
            "content": "iso,vztmpl,backup,snippets",
            "bytes": 94 * GIB,
        },
        "local-lvm": {
            "type": "lvmthin",
            "vgname": "pve",
            "thinpool": "data",
            "content": "images,rootdir",
            "bytes": 800 * GIB,
        },
        "ceph": {"type": "rbd", "pool": "vm", "content": "images,rootdir", "shared": 1, "bytes": 8192 * GIB},
        "backup": {**backup, "content": "backup", "shared": 1, "bytes": 16384 * GIB},
        "iso": {**iso, "content": "iso", "shared": 1, "bytes": 512 * GIB},
    }


def plant(world: LabCluster, nodes: int) -> None:
    """Fill an empty world."""
    started = world.clock.now() - 40 * DAY
    for number in range(nodes):
        memory, cores = NODE_SIZES[number % len(NODE_SIZES)]
        state = {"online": True, "memory": memory, "cores": cores, "bridges": ["vmbr0", "vmbr1"]}
        world.nodes[f"pve{number + 1}"] = {**state, "booted": started}
    world.storages.update(
        {name: {"active": 1, "files": set(), **store} for name, store in storages().items()}
    )
    names = list(world.nodes)
    for template in TEMPLATES:
        _template(world, names[0], *template)
    for vmid, name, number, status, memory in FOREIGN:
        _foreign(world, vmid, name, names[number % len(names)], status, memory, started)
    for name, size in ISOS:
        world.shelf.add(LabVolume("", "iso", f"iso/{name}", size, "iso", "iso", None, size, int(started)))
    world.firewall_config("cluster")["options"] = {"enable": 1}
    world.access.grant(TOKEN_ID, "/", *world.dialect.privileges())


def _disk(
    world: LabCluster, node: str, storage: str, name: str, vmid: int, size: int, used: int, fmt: str = "raw"
) -> LabVolume:
    place = world.place(storage, node)
    if world.storages[storage]["type"] in FILE_STORAGES:
        name = f"{vmid}/{name}.{fmt}"
    return world.shelf.add(
        LabVolume(place, storage, name, size, fmt, "images", vmid, used, int(world.clock.now()))
    )


def _template(
    world: LabCluster,
    node: str,
    vmid: int,
    name: str,
    ostype: str,
    size: int,
    used: int,
    storage: str,
    fmt: str = "raw",
) -> None:
    files = world.storages[storage]["type"] in FILE_STORAGES
    disk = _disk(world, node, storage, f"base-{vmid}-disk-0", vmid, size, used, fmt if files else "raw")
    drive = _disk(
        world,
        node,
        storage,
        f"vm-{vmid}-cloudinit",
        vmid,
        CLOUDINIT_BYTES,
        CLOUDINIT_BYTES,
        "qcow2" if files else "raw",
    )
    config = _common(world, vmid, name, ostype, 1024 if ostype == "l26" else 4096)
    config |= {
        "scsi0": join(disk.volid, {"discard": "on", "size": size_text(size)}),
        "ide2": join(drive.volid, {"media": "cdrom", "size": size_text(CLOUDINIT_BYTES)}),
        "boot": "order=scsi0",
        "serial0": "socket",
        "vga": "serial0" if ostype == "l26" else "std",
        "ipconfig0": "ip=dhcp",
        "template": 1,
    }
    _settle(world, LabGuest(vmid, node, config, agent={}))


def _common(world: LabCluster, vmid: int, name: str, ostype: str, memory: int) -> dict[str, Any]:
    mac = ":".join(f"{byte:02X}" for byte in (world.seed % 256, vmid // 256 % 256, vmid % 256))
    return {
        "name": name,
        "agent": "1",
        "cores": 1,
        "sockets": 1,
        "cpu": "x86-64-v2-AES",
        "memory": str(memory),
        "net0": f"virtio=BC:24:11:{mac},bridge=vmbr0,firewall=1",
        "ostype": ostype,
        "scsihw": "virtio-scsi-single",
        "smbios1": f"uuid={uuid.UUID(int=world.random.getrandbits(128), version=4)}",
        "vmgenid": str(uuid.UUID(int=world.random.getrandbits(128), version=4)),
        "meta": "creation-qemu=10.1.2,ctime=1761000000",
    }


def _foreign(
    world: LabCluster, vmid: int, name: str, node: str, status: str, memory: int, started: float
) -> None:
    disk = _disk(world, node, "local-lvm", f"vm-{vmid}-disk-0", vmid, 20 * GIB, 6 * GIB)
    config = _common(world, vmid, name, "l26", memory)
    config |= {"scsi0": join(disk.volid, {"size": "20G"}), "boot": "order=scsi0", "onboot": 1}
    config["description"] = "Not ours: made by hand."
    guest = LabGuest(vmid, node, config, agent={})
    _settle(world, guest)
    if status == "running":
        guest.power("running", started + vmid % 7 * DAY)


def _settle(world: LabCluster, guest: LabGuest) -> None:
    world.roster[guest.vmid] = guest
    guest.note(world.clock.now() - 60 * DAY)


def add_storage(world: LabCluster, storage: str, **options: Any) -> None:
    """Define one more storage on every node; a directory of images unless the options say otherwise."""
    store: dict[str, Any] = {"type": "dir", "content": "images", "bytes": 500 * GIB, "active": 1}
    if options.get("type", "dir") in FILE_STORAGES:
        store["path"] = f"/mnt/pve/{storage}"
    world.storages[storage] = store | {"files": set()} | options
    world.revision += 1
    _extend_roles(world)


def add_template(
    world: LabCluster,
    vmid: int,
    storage: str,
    name: str = "debian-12-files",
    node: str = "",
    fmt: str = "qcow2",
    size: int = 3 * GIB,
    *,
    cdrom: bool = False,
    **config: Any,
) -> None:
    """Add a template on a storage, with an empty CD drive at ide0 if `cdrom` is set."""
    where = node or next(iter(world.nodes))
    _template(world, where, vmid, name, "l26", size, size // 4, storage, fmt)
    guest = world.roster[vmid]
    if cdrom:
        guest.config["ide0"] = "none,media=cdrom"
    guest.config |= config
    world.revision += 1
    _extend_roles(world)


def documented_role(world: LabCluster, user: str) -> None:
    """Reduce a user to the rights of docs/proxmox-role.md, for all templates, storages and bridges."""
    agent = ROLE_AGENT[9 if world.dialect.major >= 9 else 8]
    roles: dict[str, Iterable[str]] = {"/": ROLE_NODE, "/vms": (*ROLE_CONSOLE, agent)}
    roles |= {f"{guest.path}!": ROLE_TEMPLATE for guest in world.vms if guest.template}
    for name, store in world.storages.items():
        only_iso = set(str(store["content"]).split(",")) == {"iso"}
        roles[f"/storage/{name}"] = ROLE_ISO if only_iso else ROLE_STORE
    if world.dialect.major >= 8:
        bridges = {bridge for node in world.nodes.values() for bridge in node["bridges"]}
        roles |= {f"/sdn/zones/localnetwork/{bridge}": ROLE_NET for bridge in bridges}
    world.documented.add(user)
    world.access.set_roles(user, roles)


def _extend_roles(world: LabCluster) -> None:
    """What is added later belongs to the documented role too."""
    for user in list(world.documented):
        documented_role(world, user)
