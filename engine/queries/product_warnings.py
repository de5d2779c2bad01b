"""What a product asks for that its server cannot give: said when the product is saved, before a deploy fails.

Asks the cluster, at most a few seconds; a server that has never answered, is paused or is silent is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.actions.lookup import found
from engine.errors import KvmtuiError
from engine.plan import Plan, effective
from engine.proxmox.check import CheckResult, SnapshotNeeds
from engine.proxmox.cluster import Cluster
from engine.proxmox.storage_checks import snapshot_checks, storage_check
from engine.store.database import session
from engine.store.models import Product
from engine.work.servers import Servers, why_not


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
        return tuple(_warnings(name, plan, cluster))
    except KvmtuiError as error:
        return (f"The product was not checked against its server: {error.sentence}",)
    finally:
        servers.close()


def snapshot_needs(name: str, plan: Plan) -> SnapshotNeeds:
    """What a product with snapshots asks of its storages."""
    extra = plan.additional_disk
    linked = plan.clone == "linked"
    return SnapshotNeeds(
        name,
        str(plan.template),
        linked,
        plan.system_disk.storage,
        extra.storage if extra.size > 0 else None,
    )


def _warnings(name: str, plan: Plan, cluster: Cluster) -> Iterator[str]:
    seen = {node.name: cluster.storages(node.name) for node in cluster.nodes() if node.online}
    for what, storage, content in _named(plan):
        check = storage_check(storage, content, seen, cluster.access.login)
        if check.result is CheckResult.FAIL:
            yield f"{what}: {check.sentence} {check.fix}"
    if plan.snapshots <= 0:
        return
    template = cluster.find_template(plan.template)
    templates = {str(plan.template): template} if template else {}
    for check in snapshot_checks([snapshot_needs(name, plan)], templates, seen):
        if check.result is not CheckResult.OK:
            yield f"{check.sentence} {check.fix}"


def _named(plan: Plan) -> Iterator[tuple[str, str, str]]:
    named = [("System disk", plan.system_disk.storage, "images")]
    if plan.additional_disk.size > 0:
        named.append(("Additional disk", plan.additional_disk.storage, "images"))
    named += [("Backups", plan.backup_storage, "backup"), ("ISO images", plan.iso_storage, "iso")]
    yield from (each for each in named if each[1])
