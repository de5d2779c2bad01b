"""The plan that equals a guest as it is: what a product would have to set for nothing in the guest to change.

What its future product leaves alone (a 0, `template`, a storage it does not name) is left alone here too; what is
no property of a VM (how many backups it may have, how VMs are named) is taken from the product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_interface

from engine.ipam.adopted_addresses import FoundAddress
from engine.pipelines.steps.disks import GIB, additional_key
from engine.plan import Disk, Firewall, Network, Plan
from engine.proxmox.codecs import Drive, decode_ssh_keys
from engine.proxmox.guest_values import GuestConfig

_DYNAMIC = ("dhcp", "auto", "manual")
_LIMITS = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")
_FLAGS = {"dhcp": "0", "ndp": "1", "radv": "0", "macfilter": "1", "ipfilter": "0"}


def plan_of(
    config: GuestConfig,
    rules: Mapping[str, str],
    antispoof: bool,
    promised: Plan,
    given: Sequence[FoundAddress],
) -> Plan:
    """The plan of a guest with this config, firewall and addresses; the rest from its future product."""
    return replace(
        promised,
        cores=config.cores if promised.cores else 0,
        sockets=config.sockets if promised.sockets else 0,
        memory=config.memory_mib if promised.memory else 0,
        os_user=config.text("ciuser"),
        ssh_keys=decode_ssh_keys(config.text("sshkeys")),
        network=_network(config, promised.network, given),
        firewall=_firewall(config, rules, antispoof, promised.firewall),
        system_disk=_disk(config, config.system_disk, promised.system_disk),
        additional_disk=_disk(config, additional_key(config), promised.additional_disk),
    )


def addresses(config: GuestConfig) -> list[FoundAddress]:
    """The fixed addresses that cloud-init gives the first card, IPv4 first."""
    given = config.ipconfig(0)
    return [*_fixed(given.ip, given.gw), *_fixed(given.ip6, given.gw6)]


def _fixed(text: str | None, gateway: str | None) -> Iterator[FoundAddress]:
    """The address, unless there is none or the text is no address, which Proxmox itself does not accept."""
    if text and text not in _DYNAMIC:
        with suppress(ValueError):
            interface = ip_interface(text)
            yield FoundAddress(interface.ip, interface.network.prefixlen, gateway or "")


def _network(config: GuestConfig, promised: Network, held: Sequence[FoundAddress]) -> Network:
    given, card = config.ipconfig(0), config.nets.get("net0")
    versions = [each.address.version for each in held]
    counted = replace(
        promised,
        ipv4=versions.count(4),
        ipv6=versions.count(6),
        dhcp4=given.ip == "dhcp",
        dhcp6=given.ip6 == "dhcp",
    )
    if card is None:
        return counted
    if not promised.auto_bridge:
        counted = replace(counted, bridge=card.bridge or "", vlan=card.vlan)
    model = promised.model if promised.model == "template" else card.model
    return replace(counted, model=model, bandwidth=round(card.rate))


def _firewall(config: GuestConfig, rules: Mapping[str, str], antispoof: bool, promised: Firewall) -> Firewall:
    """One that is off has no effect, so the rest of it is taken to be as promised."""
    card = config.nets.get("net0")
    if rules.get("enable", "0") != "1" or card is None or not card.firewall:
        return replace(promised, enable=False)
    return Firewall(
        enable=True,
        policy_in=rules.get("policy_in", "DROP"),
        policy_out=rules.get("policy_out", "ACCEPT"),
        log_in=rules.get("log_level_in", "nolog"),
        log_out=rules.get("log_level_out", "nolog"),
        antispoof=antispoof,
        **{name: rules.get(name, default) == "1" for name, default in _FLAGS.items()},
    )


def _disk(config: GuestConfig, key: str | None, promised: Disk) -> Disk:
    if key is None:
        return Disk()
    drive = config.drives[key]
    return Disk(
        storage=(drive.storage or "") if promised.storage else "",
        size=gib(drive),
        **{name: round(getattr(drive.limits, name)) for name in _LIMITS},
    )


def gib(drive: Drive) -> int:
    """The size of a disk in whole GiB."""
    return (drive.size or 0) // GIB
