"""What a cluster has to build VMs from: templates, storages, bridges. Asks the cluster now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from itertools import pairwise

from engine.actions.lookup import found
from engine.errors import Failed
from engine.proxmox.answers import Row, text_of
from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import ProxmoxError
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.values import Bridge, Resource, Storage
from engine.proxmox.wire import fetch_fingerprint
from engine.store.database import session
from engine.store.models import Server
from engine.work.servers import Servers

MOST_TEMPLATES = 50
"""Templates whose config is read; each is a question of its own."""
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class TemplateOffer:
    """A template, and what a VM made from it would have."""

    vmid: int
    name: str
    node: str
    storage: str
    gib: int
    cloudinit: bool
    agent: bool


@dataclass(frozen=True, slots=True)
class StorageOffer:
    """A storage, what may be put there, and how much room its roomiest node has."""

    name: str
    type: str
    content: frozenset[str]
    free_gib: int


@dataclass(frozen=True, slots=True)
class BridgeOffer:
    """A bridge, and the IPv4 network its nodes have on it; empty when they have none."""

    name: str
    nodes: tuple[str, ...]
    network: str = ""
    gateway: str = ""
    taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offers:
    """Everything a cluster offers to this login."""

    server: str
    templates: tuple[TemplateOffer, ...] = ()
    more_templates: int = 0
    storages: tuple[StorageOffer, ...] = ()
    bridges: tuple[BridgeOffer, ...] = ()
    vmids: frozenset[int] = frozenset()
    """Every number in use that this login sees."""
    errors: tuple[str, ...] = ()
    """What could not be read, in sentences."""

    def storing(self, content: str) -> tuple[StorageOffer, ...]:
        """The storages that take images, backup or iso."""
        return tuple(each for each in self.storages if content in each.content)


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch of addresses nobody of the cluster itself has."""

    gateway: str
    mask: int
    start: str
    stop: str


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """The certificate a host shows, or why none could be seen."""

    host: str
    fingerprint: str = ""
    error: str = ""


def certificates(hosts: Sequence[str], port: int, timeout: float = 5.0) -> list[ShownCertificate]:
    """The SHA-256 fingerprint of the certificate each host shows to anybody, trusted or not."""
    return [_shown(host, port, timeout) for host in hosts]


def _shown(host: str, port: int, timeout: float) -> ShownCertificate:
    try:
        return ShownCertificate(host, fetch_fingerprint(host, port, timeout))
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        return ShownCertificate(host, error=f"{host} port {port} does not answer over TLS: {why}.")


@dataclass
class _OfferReader:
    """Reads what a cluster offers; what cannot be read is kept as a sentence, and reading continues."""

    cluster: Cluster
    errors: list[str] = field(default_factory=list)

    def online(self) -> list[str]:
        return [node.name for node in self.cluster.nodes() if node.online]

    def storages(self, nodes: Iterable[str]) -> list[Storage]:
        return [each for node in nodes for each in self._at(node, "storages") if each.usable]

    def _at(self, node: str, what: str) -> Sequence[Storage]:
        try:
            return self.cluster.storages(node)
        except ProxmoxError as fault:
            self.errors.append(fault.sentence)
            return ()

    def bridges(self, nodes: Iterable[str]) -> Iterator[tuple[Bridge, Row]]:
        for node in nodes:
            path = ("nodes", node, "network")
            try:
                answer = self.cluster.get(
                    f"Listing the bridges of {node}", *path, params={"type": "any_bridge"}, node=node
                )
            except ProxmoxError as fault:
                self.errors.append(fault.sentence)
                continue
            for row in answer.rows():
                yield Bridge.of(row, node), row

    def template(self, row: Resource) -> TemplateOffer | None:
        try:
            return _template(row, self.cluster.guest_config(row.node, row.vmid))
        except ProxmoxError as fault:
            self.errors.append(fault.sentence)
            return None


def offers(server: str) -> Offers:
    """What the cluster offers to the login of this server; an error when it does not answer at all."""
    servers = Servers()
    with session():
        cluster = servers.cluster(found(Server, Server.name == server, f"server '{server}'"))
    try:
        return _offers(server, _OfferReader(cluster))
    finally:
        servers.close()


def _offers(server: str, reader: _OfferReader) -> Offers:
    nodes = reader.online()
    if not nodes:
        raise Failed(f"No node of {server} is visible and online, so nothing can be offered.")
    guests = [row for row in reader.cluster.resources() if row.kind == "qemu"]
    templates = sorted((row for row in guests if row.template), key=lambda row: row.vmid)
    read = [reader.template(row) for row in templates[:MOST_TEMPLATES]]
    return Offers(
        server,
        tuple(each for each in read if each is not None),
        max(0, len(templates) - MOST_TEMPLATES),
        _storages(reader.storages(nodes)),
        _bridges(list(reader.bridges(nodes))),
        frozenset(row.vmid for row in guests),
        tuple(dict.fromkeys(reader.errors)),
    )


def _template(row: Resource, config: GuestConfig) -> TemplateOffer:
    key = config.system_disk
    disk = config.drives[key] if key else None
    return TemplateOffer(
        vmid=row.vmid,
        name=row.name or config.name,
        node=row.node,
        storage=(disk.storage or "") if disk else "",
        gib=-(-(disk.size or 0) // _GIB) if disk else 0,
        cloudinit=config.cloudinit_drive is not None,
        agent=config.agent.enabled,
    )


def _storages(seen: Iterable[Storage]) -> tuple[StorageOffer, ...]:
    made: dict[str, StorageOffer] = {}
    for each in seen:
        before = made.get(each.name)
        free = max(each.available // _GIB, before.free_gib if before else 0)
        made[each.name] = StorageOffer(each.name, each.type, each.content, free)
    return tuple(made[name] for name in sorted(made))


def _bridges(seen: Sequence[tuple[Bridge, Row]]) -> tuple[BridgeOffer, ...]:
    names = sorted({bridge.name for bridge, _ in seen})
    return tuple(_bridge(name, [pair for pair in seen if pair[0].name == name]) for name in names)


def _bridge(name: str, seen: Sequence[tuple[Bridge, Row]]) -> BridgeOffer:
    nodes = tuple(bridge.node for bridge, _ in seen)
    interfaces = [each for _, row in seen if (each := _interface(row)) is not None]
    if not interfaces:
        return BridgeOffer(name, nodes)
    network = interfaces[0].network
    gateway = next((text_of(row, "gateway") for _, row in seen if text_of(row, "gateway")), "")
    taken = sorted({each.ip for each in interfaces if each.ip in network})
    return BridgeOffer(name, nodes, str(network), gateway, tuple(map(str, taken)))


def _interface(row: Row) -> IPv4Interface | None:
    """The address a node has on a bridge; Proxmox tells it as cidr, or as address and netmask."""
    words = text_of(row, "cidr") or f"{text_of(row, 'address')}/{text_of(row, 'netmask')}"
    try:
        return IPv4Interface(words)
    except ValueError:
        return None


def free_range(bridge: BridgeOffer) -> Range | None:
    """The longest stretch of the bridge's network between its gateway, its nodes and its ends.

    What other hosts use is unknown to Proxmox: an operator must check it before it becomes a pool.
    """
    if not bridge.network:
        return None
    network = IPv4Network(bridge.network)
    if network.prefixlen > 29:
        return None
    gateway = bridge.gateway or str(network[1])
    used = {int(IPv4Address(each)) for each in (gateway, *bridge.taken)}
    ends = {int(network.network_address), int(network.broadcast_address)}
    marks = sorted(ends | {each for each in used if min(ends) < each < max(ends)})
    low, high = max(pairwise(marks), key=lambda pair: pair[1] - pair[0])
    if high - low < 2:
        return None
    return Range(gateway, network.prefixlen, str(IPv4Address(low + 1)), str(IPv4Address(high - 1)))
