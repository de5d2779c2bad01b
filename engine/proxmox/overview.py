"""Everything of a cluster in one answer: guests, nodes and storages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .answers import Row, flag_of, int_of, text_of
from .values import NodeInfo, Resource


@dataclass(frozen=True, slots=True)
class StorageUse:
    """How full a storage is, as the cluster's overview has it."""

    name: str
    node: str
    shared: bool
    used: int
    total: int

    @classmethod
    def of(cls, row: Row) -> StorageUse:
        """Reads a storage of /cluster/resources."""
        return cls(
            text_of(row, "storage"),
            text_of(row, "node"),
            flag_of(row, "shared"),
            int_of(row, "disk"),
            int_of(row, "maxdisk"),
        )


@dataclass(frozen=True, slots=True)
class ClusterOverview:
    """Everything of a cluster in one answer; a storage that is not available is left out."""

    guests: tuple[Resource, ...]
    nodes: tuple[NodeInfo, ...]
    storages: tuple[StorageUse, ...]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> ClusterOverview:
        """Reads the answer of /cluster/resources."""
        kinds: dict[str, list[Row]] = {}
        for row in rows:
            kinds.setdefault(text_of(row, "type"), []).append(row)
        guests = [*kinds.get("qemu", ()), *kinds.get("lxc", ())]
        available = (row for row in kinds.get("storage", ()) if text_of(row, "status") == "available")
        return cls(
            tuple(map(Resource.of, guests)),
            tuple(map(NodeInfo.of, kinds.get("node", ()))),
            tuple(map(StorageUse.of, available)),
        )
