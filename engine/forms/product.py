"""A plan: everything a VM is made from. 0 means "leave it as the template has it" unless said otherwise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.forms.form import Form, many
from engine.forms.kinds import (
    MACRO_HELP,
    Amount,
    Bridge,
    Count,
    Domain,
    Name,
    NameRule,
    NodeName,
    SshKey,
    Storage,
    Template,
    UserName,
    Vlan,
    Vmid,
)

Policy = Literal["ACCEPT", "DROP", "REJECT"]
LogLevel = Literal["nolog", "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
Memory = Annotated[int, Field(ge=0, le=16_777_216)]
Cores = Annotated[int, Field(ge=0, le=1024)]
TrafficCounts = Literal["in", "out", "both", "larger"]
TrafficAction = Literal["none", "notify", "throttle", "suspend"]
ThrottleRate = Annotated[int, Field(ge=1, le=10_000_000)]
WarnPercent = Annotated[int, Field(ge=0, le=99)]


class NetworkForm(Form):
    """The network card and its addresses."""

    model: Literal["template", "virtio", "e1000", "rtl8139", "vmxnet3"] = Field(
        "template", title="Model", description="Kind of network card; template leaves it."
    )
    bandwidth: Amount = Field(0, title="Bandwidth", description="MB/s; 0 is unlimited.")
    bridge: Bridge = Field("vmbr0", title="Bridge", description="Used when auto bridge is off.")
    vlan: Vlan = Field(0, title="VLAN", description="Used when auto bridge is off; 0 for none.")
    auto_bridge: bool = Field(
        True, title="Auto bridge/VLAN", description="Take bridge and VLAN from the pool."
    )
    ipv4: Annotated[int, Field(ge=0, le=256)] = Field(1, title="IPv4", description="How many IPv4 addresses.")
    ipv6: Annotated[int, Field(ge=0, le=256)] = Field(0, title="IPv6", description="How many IPv6 addresses.")
    dhcp4: bool = Field(False, title="DHCP v4", description="IPv4 by DHCP: no address is allocated.")
    dhcp6: bool = Field(False, title="DHCP v6", description="IPv6 by DHCP: no address is allocated.")


class FirewallForm(Form):
    """The VM's firewall."""

    enable: bool = Field(True, title="Enable", description="Switch the VM's firewall on.")
    policy_in: Policy = Field(
        "ACCEPT", title="Policy in", description="What happens to other incoming packets."
    )
    policy_out: Policy = Field(
        "ACCEPT", title="Policy out", description="What happens to other outgoing packets."
    )
    log_in: LogLevel = Field("nolog", title="Log in", description="Log level of incoming packets.")
    log_out: LogLevel = Field("nolog", title="Log out", description="Log level of outgoing packets.")
    dhcp: bool = Field(True, title="DHCP", description="Let DHCP through.")
    ndp: bool = Field(True, title="NDP", description="Let neighbour discovery through.")
    radv: bool = Field(False, title="Router advertisement", description="Let the VM advertise routes.")
    macfilter: bool = Field(True, title="MAC filter", description="Only the VM's own MAC may send.")
    ipfilter: bool = Field(False, title="IP filter", description="Only the card's own addresses may send.")
    antispoof: bool = Field(
        True, title="Anti-spoofing", description="The IPSet ipfilter-net0 holds exactly the VM's addresses."
    )


class DiskForm(Form):
    """A disk and its limits."""

    storage: Storage = Field(
        "",
        title="Storage",
        description="Empty: as the template has it; for the additional disk: as the system disk.",
    )
    size: Amount = Field(0, title="Size", description="GiB.")
    mbps_rd: Amount = Field(0, title="Read MB/s", description="0 is unlimited.")
    mbps_wr: Amount = Field(0, title="Write MB/s", description="0 is unlimited.")
    iops_rd: Amount = Field(0, title="Read IOPS", description="0 is unlimited.")
    iops_wr: Amount = Field(0, title="Write IOPS", description="0 is unlimited.")


class EmailsForm(Form):
    """Which mails the client gets."""

    welcome: bool = Field(True, title="Welcome", description="When the service is ordered.")
    ready: bool = Field(True, title="Ready", description="When the VM runs.")
    password: bool = Field(True, title="Password", description="When the password was reset.")
    restored: bool = Field(True, title="Restored", description="When a backup was restored.")
    changed: bool = Field(True, title="Changed", description="When the product or its options were changed.")
    traffic: bool = Field(
        True,
        title="Traffic",
        description="When the traffic quota is nearly used up, reached, or available again.",
    )


class PermissionsForm(Form):
    """What a client may do on the client's page."""

    start: bool = Field(True, title="Start", description="Start the VM.")
    stop: bool = Field(True, title="Stop", description="Stop the VM.")
    console: bool = Field(True, title="Console", description="Open the noVNC console.")
    charts: bool = Field(True, title="Charts", description="See the charts.")
    reinstall: bool = Field(True, title="Reinstall", description="Reinstall the VM.")
    password: bool = Field(True, title="Password", description="Reset the password.")
    rdns: bool = Field(True, title="Reverse DNS", description="Change reverse names.")
    iso: bool = Field(True, title="ISO", description="Mount ISO images.")
    firewall: bool = Field(
        True, title="Firewall", description="Edit firewall rules. Reserved: it has no effect yet."
    )


class ProductForm(Form):
    """A product that is sold."""

    name: Name = Field(title="Name", description="Name of the product.")
    server: Name = Field(title="Server", description="Cluster of its VMs.")
    template: Template = Field(title="Template", description="VMID or name of the template to clone.")
    target_node: NodeName = Field(
        "auto", title="Target node", description="auto: the suitable node with most free memory."
    )
    clone: Literal["linked", "full"] = Field("linked", title="Clone", description="linked or full.")
    first_vmid: Vmid = Field(100, title="First VMID", description="Lowest VMID to use.")
    name_rule: NameRule = Field(
        "{client_id}-{service_id}", title="Name rule", description=f"Pattern of VM names; {MACRO_HELP}"
    )
    main_domain: Domain = Field("", title="Main domain", description="The VM's full name is NAME.DOMAIN.")
    cores: Cores = Field(1, title="Cores", description="Per socket; 0 leaves the template's.")
    sockets: Annotated[int, Field(ge=0, le=64)] = Field(
        1, title="Sockets", description="0 leaves the template's."
    )
    memory: Memory = Field(1024, title="Memory", description="MiB; 0 leaves the template's.")
    os_user: UserName = Field("", title="OS user", description="Empty: a random name.")
    ssh_keys: Annotated[list[SshKey], Field(max_length=100)] = Field(
        default_factory=list, title="SSH keys", description="Public keys put into every VM."
    )
    snapshots: Count = Field(0, title="Snapshots", description="How many a VM may have.")
    snapshot_lifetime: Annotated[int, Field(ge=0, le=10)] = Field(
        0, title="Snapshot lifetime", description="Days, 1 to 10; 0 keeps them."
    )
    backups: Count = Field(0, title="Backups", description="How many a VM may have.")
    backup_storage: Storage = Field("", title="Backup storage", description="Where backups are kept.")
    iso_storage: Storage = Field("", title="ISO storage", description="Where ISO images are.")
    cd_drive: bool = Field(
        True,
        title="CD drive",
        description="Give every VM an empty CD drive, so that an ISO image is mounted without a restart.",
    )
    traffic_gib: Amount = Field(
        0, title="Traffic quota", description="GiB per calendar month; 0 is unlimited."
    )
    traffic_counts: TrafficCounts = Field(
        "both", title="Counted traffic", description="in, out, both added up, or the larger of the two."
    )
    traffic_action: TrafficAction = Field(
        "notify",
        title="At the quota",
        description="none: only count; notify: mail and webhook; throttle or suspend: also do that until the month "
        "ends or the quota is raised.",
    )
    traffic_throttle_mbs: ThrottleRate = Field(
        1, title="Throttle to", description="MB/s of the network card while it is throttled."
    )
    traffic_warn: WarnPercent = Field(
        80,
        title="Traffic warning",
        description="Percent of the quota at which the client is warned; 0: never.",
    )
    network: NetworkForm = Field(
        default_factory=NetworkForm, title="Network", description="Card and addresses."
    )
    firewall: FirewallForm = Field(
        default_factory=FirewallForm, title="Firewall", description="Its firewall."
    )
    system_disk: DiskForm = Field(
        default_factory=DiskForm, title="System disk", description="The first disk."
    )
    additional_disk: DiskForm = Field(
        default_factory=DiskForm, title="Additional disk", description="A second disk; size 0 means none."
    )
    emails: EmailsForm = Field(
        default_factory=EmailsForm, title="E-mails", description="Mails to the client."
    )
    permissions: PermissionsForm = Field(
        default_factory=PermissionsForm, title="Permissions", description="What the client may do."
    )
    offered_templates: Annotated[list[Template], Field(max_length=50)] = Field(
        default_factory=list,
        title="Offered templates",
        description="Templates that a client may reinstall with, besides the VM's own.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = []
        if 0 < self.memory < 16:
            faults.append(("memory", "must be 16 MiB or more, or 0."))
        if self.backups and not self.backup_storage:
            faults.append(("backup_storage", "is missing; backups need a place."))
        if len(set(self.ssh_keys)) < len(self.ssh_keys):
            faults.append(("ssh_keys", "holds a key twice."))
        if faults:
            raise many(faults)
        return self
