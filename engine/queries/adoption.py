"""A guest somebody else made, looked at before it becomes a service: what it is, beside what it would be sold as.

Entry points: `survey(form) -> Survey`, and `inspect` for many guests of one cluster. Nothing is changed. What speaks
against taking the guest over is in `refusals`, each a sentence that says what to do; a guest that is provably
somebody's is never taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.actions.lookup import found
from engine.errors import Refused
from engine.forms.adoption import NO_PRIOR_SERVICE, AdoptForm, PriorService
from engine.ipam.adopted_addresses import FoundAddress, Place, further, places
from engine.ipam.networks import BridgeVlan
from engine.pipelines.steps.disks import additional_key
from engine.plan import Plan, differences, effective
from engine.proxmox.cluster import Cluster
from engine.proxmox.guest import Guest
from engine.proxmox.guest_values import GuestConfig, GuestLocation, GuestStatus
from engine.proxmox.mark import LONGEST_DESCRIPTION, Mark, bears_mark, find_mark
from engine.queries.guest_plan import addresses, plan_of
from engine.queries.refs import client_ref
from engine.store.database import session
from engine.store.models import Client, Product, Server, Vm, VmidClaim
from engine.work.servers import Servers, why_not

ANTI_SPOOFING = "ipfilter-net0"
_READING = Mark("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000")
"""Guests are opened with a mark that is nobody's: it proves nothing, so nothing could be sent with it."""
_MARK_LINE = 100  # more than the line that is added to a guest's notes


@dataclass(frozen=True, slots=True)
class Property:
    """One thing the guest is, beside what the product says."""

    name: str
    found: Any
    product: Any


@dataclass(frozen=True, slots=True)
class Survey:
    """A guest as found. `called` is what an operator types to take it over."""

    server: str
    vmid: int
    node: str
    called: str
    name: str
    domain: str
    client: str
    product: str
    status: str
    system: str
    mac: str
    bridge: str
    vlan: int
    smbios_uuid: str
    os_user: str
    digest: str
    plan: Plan
    beside: tuple[Property, ...]
    addresses: tuple[Place, ...]
    found: tuple[FoundAddress, ...]
    notes: tuple[str, ...]
    refusals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WantedGuest:
    """What a guest is to become: its number, its client and product by name, the plan it is to have, its past."""

    vmid: int
    client: str
    product: str
    promised: Plan
    prior: PriorService = NO_PRIOR_SERVICE


def survey(form: AdoptForm, prior: PriorService = NO_PRIOR_SERVICE, servers: Servers | None = None) -> Survey:
    """Look at a guest; refused when server, client, product or guest is unknown, or it cannot be looked at.

    `servers` are used and stay open; without them, connections are opened for this look.
    """
    with session():
        server = found(Server, Server.name == form.server, f"server '{form.server}'")
        product = found(Product, Product.name == form.product, f"product '{form.product}'")
        client = Client.get_by_id(client_ref(form.client))
        if product.server_id != server.id:
            raise Refused(
                f"Product '{product.name}' is for server {product.server.name}, and the guest is on {server.name}. "
                "Choose a product of that server."
            )
        if why := why_not(server):
            raise Refused(f"{why[:1].upper()}{why[1:]}. The guest was not checked.")
        promised = effective(product.spec, prior.options)
        wanted = WantedGuest(form.vmid, client.name, product.name, promised, prior)
        own = Servers() if servers is None else servers
        try:
            return inspect(own.cluster(server), server, wanted)
        finally:
            if servers is None:
                own.close()


def inspect(cluster: Cluster, server: Server, wanted: WantedGuest) -> Survey:
    """Look at a guest of this cluster, with the site open; refused when it is not there."""
    vmid, prior, promised = wanted.vmid, wanted.prior, wanted.promised
    there = cluster.find_guest(vmid, prior.node or None)
    if there is None:
        raise Refused(f"VM {vmid} not found on any node of server {server.name}.")
    guest = Guest(cluster, vmid, _READING, there.node)
    rules = guest.firewall.options()
    spoofing = guest.firewall.ipset(ANTI_SPOOFING)
    config, status = there.config, guest.status()
    card = config.nets.get("net0")
    label, _, domain = config.name.lower().partition(".")
    where = BridgeVlan(card.bridge or "", card.vlan) if card else BridgeVlan("", 0)
    own, cloudinit = addresses(config), config.ipconfig(0)
    dynamic = {4: cloudinit.ip == "dhcp", 6: cloudinit.ip6 == "dhcp"}
    fixed = [each for each in prior.addresses if not dynamic[each.version]]
    given = [*own, *further(server, where, own, fixed)] if card else own
    plan = plan_of(config, rules, spoofing is not None, promised, given)
    placed = places(server, where, given) if card else []
    refusals = [
        *_refusals(server, there, status, placed, bool(given) and card is None),
        *_disagreements(vmid, label, own, prior),
    ]
    return Survey(
        server=server.name,
        vmid=vmid,
        node=there.node,
        called=config.name or f"vm{vmid}",
        name=label or f"vm{vmid}",
        domain=domain or promised.main_domain,
        client=wanted.client,
        product=wanted.product,
        status=status.status,
        system=config.ostype or "unknown",
        mac=(card.mac or "") if card else "",
        bridge=where.bridge,
        vlan=where.vlan,
        smbios_uuid=config.smbios_uuid or "",
        os_user=config.text("ciuser"),
        digest=config.digest or "",
        plan=plan,
        beside=tuple(_beside(plan, promised)),
        addresses=tuple(placed),
        found=tuple(given),
        notes=tuple(_notes(config, plan, [each.cidr for each in spoofing or ()], given)),
        refusals=tuple(refusals),
    )


def _disagreements(vmid: int, label: str, own: list[FoundAddress], prior: PriorService) -> Iterator[str]:
    """Where the guest is not what the program it comes from says it is."""
    if prior.name and label != prior.name.lower():
        yield (
            f"VM {vmid} is called '{label}' on the cluster, and the service's VM is called '{prior.name}'. "
            "Check that the VMID is right; rename one of the two."
        )
    known = {str(each) for each in prior.addresses}
    other = [str(each.address) for each in own if str(each.address) not in known]
    if known and other:
        yield (
            f"Cloud-init gives VM {vmid} {', '.join(other)}, and the service has {', '.join(sorted(known))}. "
            "Check that the VMID is right; correct one of the two."
        )


def _beside(plan: Plan, promised: Plan) -> Iterator[Property]:
    """What an operator compares: size and speed, and whatever differs."""
    always = {
        "cores": (plan.cores, promised.cores),
        "memory": (plan.memory, promised.memory),
        "system_disk.size": (plan.system_disk.size, promised.system_disk.size),
        "additional_disk.size": (plan.additional_disk.size, promised.additional_disk.size),
        "network.bandwidth": (plan.network.bandwidth, promised.network.bandwidth),
    }
    differing = {each.field: (each.old, each.new) for each in differences(plan, promised)}
    for name, (here, there) in {**always, **differing}.items():
        yield Property(name, here, there)


def _notes(config: GuestConfig, plan: Plan, allowed: list[str], given: list[FoundAddress]) -> Iterator[str]:
    """What is left as it is although kvmtui has no word for it."""
    disks = [key for key, drive in config.drives.items() if drive.is_disk and not drive.is_cloudinit]
    others = sorted(set(disks) - {config.system_disk, additional_key(config)})
    if others:
        yield f"More disks than a product has: {', '.join(others)} stay as they are."
    if cards := sorted(set(config.nets) - {"net0"}):
        yield f"More cards than a product has: {', '.join(cards)} stay as they are."
    mine = {str(each.address) for each in given}
    if foreign := [each for each in allowed if each.partition("/")[0] not in mine]:
        yield f"The set {ANTI_SPOOFING} also lets out {', '.join(foreign)}; change-package removes them."
    if not given and not (plan.network.dhcp4 or plan.network.dhcp6):
        yield "Cloud-init gives it no address, so none is assigned; change-package assigns those of the product."
    if config.cloudinit_drive is None:
        yield "It has no cloud-init drive: a new password or address can reach it only from inside."
    if config.protection:
        yield "It is protected in Proxmox: terminating it fails until the protection is removed."


def _refusals(
    server: Server, there: GuestLocation, status: GuestStatus, placed: list[Place], homeless: bool
) -> Iterator[str]:
    config, vmid = there.config, there.vmid
    if bears_mark(config.description):
        yield _owner(vmid, config)
    if config.template:
        yield f"VM {vmid} is a template; clone it instead, by a product that names it."
    if lock := config.lock or status.lock:
        yield f"VM {vmid} is locked ({lock}). Let that end, then adopt it."
    if not config.digest:
        yield f"Proxmox gives no digest of VM {vmid}'s config, so it cannot be marked safely."
    if len(config.description) + _MARK_LINE > LONGEST_DESCRIPTION:
        yield f"The notes of VM {vmid} are full; shorten them by {_MARK_LINE} characters for the ownership mark."
    if why := _claimed(server, vmid):
        yield why
    if homeless:
        yield f"VM {vmid} has addresses in cloud-init, but no card net0 to have them on. Give it the card first."
    yield from (each.clash for each in placed if each.clash)


def _owner(vmid: int, config: GuestConfig) -> str:
    """Whose a marked guest is, as far as the mark tells."""
    mark = find_mark(config.description)
    undo = "If nobody owns it any more, remove that line from its notes in Proxmox, then adopt it."
    if mark is None:
        return f"The notes of VM {vmid} hold an ownership mark that cannot be read, or several. {undo}"
    vm = Vm.get_or_none(Vm.uid == mark.vm)
    if vm is not None:
        return f"VM {vmid} is the VM of service {vm.service_id} ({vm.name}) already, or a copy of it."
    return (
        f"VM {vmid} carries the mark of another site of kvmtui, or of a VM whose record was deleted here "
        f"(instance {mark.instance}, vm {mark.vm}). {undo}"
    )


def _claimed(server: Server, vmid: int) -> str:
    claim = VmidClaim.get_or_none(
        (VmidClaim.server == server.id) & (VmidClaim.vmid == vmid) & (VmidClaim.state == "claimed")
    )
    holder = (
        claim.vm
        if claim is not None
        else Vm.get_or_none((Vm.server == server.id) & (Vm.vmid == vmid) & (Vm.vm_status != "remove"))
    )
    if holder is None:
        return ""
    return (
        f"VMID {vmid} belongs to service {holder.service_id} ({holder.name or 'not named yet'}) here already."
    )
