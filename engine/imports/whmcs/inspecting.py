"""Looks at the VMs that would be adopted, on their clusters, several at once. Nothing is changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

from engine.errors import KvmtuiError
from engine.imports.whmcs.plan import Adoption, ShopPlan, flat
from engine.proxmox.cluster import Cluster
from engine.queries.adoption import WantedGuest, inspect
from engine.store.database import session
from engine.store.models import Server
from engine.work.servers import Servers, why_not


def inspect_all(plan: ShopPlan) -> None:
    """Fill in what each VM is called, where it is and why it is refused. Needs the site open."""
    by_server: dict[str, list[Adoption]] = defaultdict(list)
    for each in plan.adoptions:
        if not each.why:
            by_server[each.server].append(each)
    with closing(Servers()) as servers:
        for name, wanted in by_server.items():
            with session():
                server = Server.get(Server.name == name)
            try:
                _on_server(servers, server, wanted)
            except KvmtuiError as error:
                for each in wanted:
                    each.why = f"server {name} cannot be asked: {flat(error)}"


def _on_server(servers: Servers, server: Server, wanted: Sequence[Adoption]) -> None:
    if why := why_not(server):
        for each in wanted:
            each.why = why
        return
    cluster = servers.cluster(server)
    nodes = {row.vmid: row.node for row in cluster.resources() if row.kind == "qemu"}

    def work(each: Adoption) -> None:
        each.prior = replace(each.prior, node=nodes.get(each.vmid, ""))
        _one(cluster, server, each)

    with ThreadPoolExecutor(max(1, server.requests_at_once)) as pool:
        list(pool.map(work, wanted))


def _one(cluster: Cluster, server: Server, each: Adoption) -> None:
    wanted = WantedGuest(each.vmid, each.client, each.product, each.promised, each.prior)
    try:
        with session():
            seen = inspect(cluster, server, wanted)
    except KvmtuiError as error:
        each.why = flat(error)
        return
    each.called, each.status = seen.called, seen.status
    each.prior = replace(each.prior, node=seen.node)
    each.why = " ".join(seen.refusals)
    each.notes = (*each.notes, *seen.notes)
    if each.prior.suspended and seen.status == "running":
        each.notes = (*each.notes, "It is suspended in WHMCS and runs; it stays as it is.")
