"""What a product asks for that its server cannot give: said when the product is saved, before a deploy fails.

Asks the cluster, at most a few seconds; a server that has never answered, is paused or is silent is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.actions.named import found
from engine.errors import KvmtuiError
from engine.plan import Plan, effective
from engine.proxmox.cluster import Cluster
from engine.proxmox.codecs import Drive
from engine.proxmox.disk_formats import can_snapshot, file_format
from engine.proxmox.values import Storage
from engine.store.database import session
from engine.store.models import Product
from engine.work.servers import Servers, why_not

_ADVICE = "use lvmthin, zfspool, rbd or a file storage"


def product_warnings(name: str) -> tuple[str, ...]:
    """Sentences about a product that its server cannot make as it says; empty when it can, or was not asked."""
    servers = Servers()
    try:
        with session():
            row = found(Product, Product.name == name, f"product '{name}'")
            server = row.server
            if server.last_ok_at is None or why_not(server):
                return ()
            plan, cluster = effective(row.spec, {}), servers.cluster(server)
        return tuple(_warnings(plan, cluster))
    except KvmtuiError as error:
        return (f"The product was not checked against its server: {error.sentence}",)
    finally:
        servers.close()


def _warnings(plan: Plan, cluster: Cluster) -> Iterator[str]:
    seen: dict[str, Storage] = {}
    for node in cluster.nodes():
        for one in cluster.storages(node.name) if node.online else ():
            if one.name not in seen or one.usable:
                seen[one.name] = one
    for what, name, content in _named(plan):
        yield from _missing(cluster, what, name, content, seen.get(name))
    if plan.snapshots > 0:
        yield from _without_snapshots(plan, cluster, seen)


def _named(plan: Plan) -> Iterator[tuple[str, str, str]]:
    both = [("system disk", plan.system_disk.storage, "images")]
    if plan.additional_disk.size > 0:
        both.append(("additional disk", plan.additional_disk.storage, "images"))
    both += [("backups", plan.backup_storage, "backup"), ("ISO images", plan.iso_storage, "iso")]
    yield from (each for each in both if each[1])


def _missing(cluster: Cluster, what: str, name: str, content: str, one: Storage | None) -> Iterator[str]:
    if one is None:
        yield (
            f"Storage {name} ({what}) is on no node of {cluster.name} that this login sees; "
            f"check its name, and Datastore.Audit on /storage/{name}."
        )
    elif content not in one.content:
        yield f"Storage {name} ({what}) does not take {content}; add it under Datacenter > Storage > {name}."
    elif not one.usable:
        yield f"Storage {name} ({what}) is not active on any node of {cluster.name}."


def _without_snapshots(plan: Plan, cluster: Cluster, seen: dict[str, Storage]) -> Iterator[str]:
    template = cluster.find_template(plan.template)
    key = template.config.system_disk if template else None
    drive = template.config.drives[key] if template and key else None
    home = drive.storage or "" if drive else ""
    linked = plan.clone == "linked"
    system = home if linked else plan.system_disk.storage or home
    if system in seen:
        yield from _refused("system disk", seen[system], drive if linked else None)
    if plan.additional_disk.size > 0:
        extra = plan.additional_disk.storage or system
        if extra in seen:
            yield from _refused("additional disk", seen[extra], None)


def _refused(what: str, storage: Storage, drive: Drive | None) -> Iterator[str]:
    if can_snapshot(storage.type, drive):
        return
    why = f"storage {storage.name} ({storage.type}) takes no snapshots; {_ADVICE}"
    if drive is not None and file_format(drive):
        why = f"it is a linked clone of a {file_format(drive)} file; convert the template's disk to qcow2"
    yield f"No VM of this product can be snapshotted because of its {what}: {why}."
