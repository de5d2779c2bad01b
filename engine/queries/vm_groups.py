"""VMs counted by what they share: their node, client, product or server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import Case, fn

from engine.queries.vm_list import in_state, is_state
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service, Vm

KINDS = ("node", "client", "product", "server")
MOST = 500
"""So many groups are listed, the largest first."""


@dataclass(frozen=True, slots=True)
class Group:
    """The VMs that share one value; those of removed VMs are not counted."""

    name: str
    total: int
    stuck: int
    stopped: int

    @property
    def filter(self) -> str:
        """The word of the VM list's filter for exactly these, without the kind."""
        return '"' + self.name.replace('"', '""') + '"'


def groups(kind: str) -> list[Group]:
    """The groups of a kind of KINDS, the largest first."""
    column, query = _joined(kind)
    with session():
        rows = (
            query.where(Vm.vm_status != "remove", column != "")
            .group_by(column)
            .order_by(fn.COUNT(Vm.id).desc(), column)
            .limit(MOST)
        )
        return [Group(name, total, stuck or 0, stopped or 0) for name, total, stuck, stopped in rows.tuples()]


def _joined(kind: str) -> tuple[Any, Any]:
    column = {"node": Vm.node, "client": Client.name, "product": Product.name, "server": Server.name}[kind]
    sums = (fn.SUM(Case(None, ((each, 1),), 0)) for each in (in_state("stuck"), is_state("stopped")))
    query = Vm.select(column, fn.COUNT(Vm.id), *sums)
    if kind == "server":
        query = query.join(Server)
    elif kind in ("client", "product"):
        query = query.join(Service).join(Client if kind == "client" else Product)
    return column, query
