"""Can this server be worked with? Finds before a deploy what would make it fail.

The checks read and never change anything. Each says what it found in a sentence, and what to do about a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from engine.errors import KvmtuiError

from .access import TlsMode
from .api_request import ApiRequest
from .check import CheckResult, ProductNeeds, ServerCheck, SnapshotNeeds
from .cluster import Cluster
from .faults import ProxmoxError
from .guest_values import GuestLocation
from .privileges import PrivilegeGrant, Use, grant_for, grants
from .storage_checks import Seen, chain_checks, everywhere, snapshot_checks, storage_check
from .values import NodeInfo
from .wire import fetch_fingerprint

__all__ = ["CheckResult", "ProductNeeds", "ServerCheck", "SnapshotNeeds", "check_server"]

CLOCK_WARNING = 5.0
CLOCK_FAILURE = 60.0


def check_server(cluster: Cluster, wanted: ProductNeeds | None = None) -> list[ServerCheck]:
    """Every check, in the order an operator would ask; those behind a failed login are left out."""
    inspection = _Inspection(cluster, wanted or ProductNeeds())
    checks = [check for host in cluster.access.hosts for check in inspection.host(host)]
    checks += inspection.run("login", inspection.login)
    if any(check.name == "login" and check.result is CheckResult.FAIL for check in checks):
        return checks
    for name, step in (
        ("quorum", inspection.quorum),
        ("nodes", inspection.online_nodes),
        ("storages", inspection.storages),
        ("bridges", inspection.bridges),
        ("templates", inspection.templates),
        ("snapshots", inspection.snapshots),
        ("privileges", inspection.privileges),
        ("vmid range", inspection.vmids),
        ("cluster firewall", inspection.firewall),
        ("clock", inspection.clocks),
    ):
        checks += inspection.run(name, step)
    return checks


class _Inspection:
    """One walk through a server; what one check learns the later ones use."""

    def __init__(self, cluster: Cluster, wanted: ProductNeeds) -> None:
        self.cluster = cluster
        self.wanted = wanted
        self.nodes: tuple[NodeInfo, ...] = ()
        self.seen: Seen = {}
        self.templates_found: dict[str, GuestLocation] = {}

    def run(self, name: str, step: Callable[[], Iterable[ServerCheck]]) -> list[ServerCheck]:
        """The checks of one step; a failure on the way is itself a failed check."""
        found: list[ServerCheck] = []
        try:
            found.extend(step())
        except KvmtuiError as error:
            found.append(ServerCheck(name, CheckResult.FAIL, error.sentence))
        return found

    def host(self, host: str) -> Iterator[ServerCheck]:
        """Whether an API host answers, and which certificate it shows."""
        access = self.cluster.access
        try:
            shown = fetch_fingerprint(host, access.port, access.connect_timeout)
        except OSError as error:
            sentence = f"{host} port {access.port} does not answer over TLS: {_words(error)}."
            yield ServerCheck(
                f"host {host}",
                CheckResult.FAIL,
                sentence,
                "Check the address, the port and the firewall between.",
            )
            return
        yield ServerCheck(f"host {host}", CheckResult.OK, f"{host} port {access.port} answers.")
        yield self._certificate(host, shown)

    def _certificate(self, host: str, shown: str) -> ServerCheck:
        name, tls = f"tls {host}", self.cluster.access.tls
        if tls.mode is TlsMode.INSECURE:
            sentence = f"{host} shows the certificate {shown}, but it is not verified (insecure: true)."
            return ServerCheck(name, CheckResult.WARN, sentence, f'Pin it: tls: {{fingerprint: "{shown}"}}')
        try:
            self.cluster.transport.read_at(host, ApiRequest("GET", ("version",), "Reading the version"))
        except ProxmoxError as fault:
            if fault.reason == "untrusted":
                fix = f'If this is `pvenode cert info` on the node: tls: {{fingerprint: "{shown}"}}'
                return ServerCheck(name, CheckResult.FAIL, fault.sentence, fix)
            # The certificate was taken; what else is wrong the login check says.
        return ServerCheck(
            name, CheckResult.OK, f"{host} shows the certificate {shown}, which is trusted ({tls.mode})."
        )

    def login(self) -> Iterator[ServerCheck]:
        """Whether we may log in, and what runs there."""
        version = self.cluster.version()
        yield ServerCheck("login", CheckResult.OK, f"Logged in as {self.cluster.access.login}.")
        if version.major < 7 or (version.major == 7 and not version.at_least(7, 4)):
            fix = "Upgrade the cluster to Proxmox VE 8 or 9."
            yield ServerCheck(
                "version", CheckResult.FAIL, f"Proxmox VE {version.text} is older than 7.4.", fix
            )
        elif version.major == 7:
            yield ServerCheck(
                "version",
                CheckResult.WARN,
                f"Proxmox VE {version.text} has no support any more.",
                "Plan an upgrade.",
            )
        else:
            yield ServerCheck("version", CheckResult.OK, f"Proxmox VE {version.text}.")

    def quorum(self) -> Iterator[ServerCheck]:
        """Whether the cluster accepts changes."""
        try:
            quorum = self.cluster.quorum()
        except ProxmoxError as fault:
            if fault.reason != "no_privilege":
                raise
            yield ServerCheck(
                "quorum", CheckResult.WARN, "The quorum cannot be read.", "Grant Sys.Audit on /, see below."
            )
            return
        if quorum.quorate:
            yield ServerCheck("quorum", CheckResult.OK, f"The cluster has quorum ({quorum.count}).")
            return
        down = f" Missing: {', '.join(quorum.missing)}." if quorum.missing else ""
        sentence = f"{self.cluster.name} has lost quorum ({quorum.count}); changes wait.{down}"
        yield ServerCheck(
            "quorum", CheckResult.FAIL, sentence, "Bring the missing nodes back; `pvecm status` shows them."
        )

    def online_nodes(self) -> Iterator[ServerCheck]:
        """Which nodes are there."""
        self.nodes = self.cluster.nodes()
        for node in self.nodes:
            if not node.reported:
                yield ServerCheck(
                    f"node {node.name}",
                    CheckResult.WARN,
                    f"{node.name} has not reported its status yet; work there is possible.",
                    f"If this lasts: systemctl status pvestatd on {node.name}",
                )
            elif node.online:
                free = node.memory_free / 1024**3
                yield ServerCheck(
                    f"node {node.name}",
                    CheckResult.OK,
                    f"{node.name} is online, {free:.1f} GiB of memory free.",
                )
            else:
                yield ServerCheck(
                    f"node {node.name}",
                    CheckResult.WARN,
                    f"{node.name} is offline.",
                    "VMs there cannot be changed.",
                )
        if not any(node.online for node in self.nodes):
            yield ServerCheck("nodes", CheckResult.FAIL, "No node of the cluster is visible and online.")

    def storages(self) -> Iterator[ServerCheck]:
        """Whether the storages the products name exist and take what is put there."""
        self.seen = {node: self.cluster.storages(node) for node in self._online()}
        kinds = (
            ("images", self.wanted.storages),
            ("backup", self.wanted.backup_storages),
            ("iso", self.wanted.iso_storages),
        )
        for content, names in kinds:
            for name in dict.fromkeys(names):
                yield storage_check(name, content, self.seen, self.cluster.access.login)

    def bridges(self) -> Iterator[ServerCheck]:
        """Whether the bridges the products name are on every node."""
        seen = {node: {bridge.name for bridge in self.cluster.bridges(node)} for node in self._online()}
        for name in dict.fromkeys(self.wanted.bridges):
            missing = [node for node, names in seen.items() if name not in names]
            yield everywhere(
                f"bridge {name}", missing, len(seen), "Make the bridge on these nodes, or choose another."
            )

    def templates(self) -> Iterator[ServerCheck]:
        """Whether the templates exist, and have a cloud-init drive and an agent."""
        for reference in dict.fromkeys(self.wanted.templates):
            yield from self.run(f"template {reference}", partial(self._template, reference))

    def _template(self, reference: str) -> Iterator[ServerCheck]:
        name = f"template {reference}"
        found = self.cluster.find_template(reference)
        if found is None:
            fix = "Check its VMID or name, that it is a template, and that the login has VM.Audit on it."
            if reference.isdecimal():
                fix += f" To grant it: {grant_for('VM.Clone', f'/vms/{reference}').command(self.cluster.access.login)}"
            yield ServerCheck(
                name, CheckResult.FAIL, f"Template {reference} not found, or not visible to this login.", fix
            )
            return
        self.templates_found[reference] = found
        where = f"Template {reference} (VMID {found.vmid} on {found.node})"
        if found.config.cloudinit_drive is None:
            fix = f"On {found.node}: qm set {found.vmid} --ide2 STORAGE:cloudinit"
            yield ServerCheck(name, CheckResult.FAIL, f"{where} has no cloud-init drive.", fix)
        elif not found.config.agent.enabled:
            fix = f"On {found.node}: qm set {found.vmid} --agent 1, and install qemu-guest-agent in it."
            yield ServerCheck(name, CheckResult.WARN, f"{where} has the guest agent switched off.", fix)
        else:
            yield ServerCheck(name, CheckResult.OK, f"{where} has a cloud-init drive and the guest agent on.")

    def snapshots(self) -> Iterator[ServerCheck]:
        """Whether the disks of products with snapshots can have any."""
        yield from snapshot_checks(self.wanted.snapshots, self.templates_found, self.seen)
        images = (
            drive.storage
            for found in self.templates_found.values()
            for drive in found.config.drives.values()
            if drive.is_disk and drive.storage
        )
        yield from chain_checks([*self.wanted.storages, *images], self.cluster.chained_storages())

    def privileges(self) -> Iterator[ServerCheck]:
        """Each privilege our calls need, on the path they need it; those nothing uses in one line."""
        login, may = self.cluster.access.login, self.cluster.permissions()
        if login == "root@pam":
            sentence = "root@pam may do everything."
            yield ServerCheck("privileges", CheckResult.WARN, sentence, "Use a token with a role of its own.")
            return
        unused: list[PrivilegeGrant] = []
        uses = self._uses()
        for grant in self._grants():
            name, path, why = grant.privilege.name, grant.path, grant.privilege.why
            if may.has(path, name):
                yield ServerCheck(
                    f"privilege {name} on {path}", CheckResult.OK, f"{login} has {name} on {path}."
                )
            elif grant.privilege.needed_by(uses):
                result = CheckResult.WARN if grant.privilege.fallback else CheckResult.FAIL
                without = f" Without it {grant.privilege.fallback}." if grant.privilege.fallback else ""
                sentence = f"{login} lacks {name} on {path}, needed to {why}.{without}"
                yield ServerCheck(f"privilege {name} on {path}", result, sentence, grant.command(login))
            else:
                unused.append(grant)
        if unused:
            yield _optional(unused)

    def _grants(self) -> tuple[PrivilegeGrant, ...]:
        wanted = self.wanted
        return grants(
            self.cluster.version().major,
            guests=wanted.guests_path,
            templates=dict.fromkeys(found.vmid for found in self.templates_found.values()),
            disk_storages=dict.fromkeys((*wanted.storages, *wanted.backup_storages)),
            iso_storages=dict.fromkeys(wanted.iso_storages),
            bridges=dict.fromkeys(wanted.bridges),
            custom_cpu=Use.CUSTOM_CPU in self._uses(),
        )

    def _uses(self) -> frozenset[Use]:
        """What the site uses here, including what only the cluster itself knows."""
        custom = any(found.config.custom_cpu for found in self.templates_found.values())
        several = len(self.nodes) > 1
        uses = set(self.wanted.uses) | ({Use.CUSTOM_CPU} if custom else set())
        return frozenset(uses if several else uses - {Use.MIGRATION})

    def vmids(self) -> Iterator[ServerCheck]:
        """Whether the first numbers of the products are numbers, and free."""
        for first in dict.fromkeys(self.wanted.first_vmids):
            name = f"vmid range {first}"
            if not 100 <= first <= 999_999_999:
                yield ServerCheck(
                    name,
                    CheckResult.FAIL,
                    f"VMID {first} is outside 100 to 999999999.",
                    "Choose another first VMID.",
                )
            elif self.cluster.next_id_free(first):
                yield ServerCheck(name, CheckResult.OK, f"VMID {first} is free.")
            else:
                yield ServerCheck(
                    name, CheckResult.OK, f"VMID {first} is taken; the next free number is used."
                )

    def firewall(self) -> Iterator[ServerCheck]:
        """Whether the cluster's firewall lets the anti-spoofing of guests work."""
        if not self.wanted.anti_spoofing:
            return
        baseline = self.cluster.firewall_baseline()
        if baseline.enabled:
            policy = f"policy in {baseline.policy_in}, out {baseline.policy_out}"
            yield ServerCheck("cluster firewall", CheckResult.OK, f"The cluster firewall is on ({policy}).")
            return
        sentence = "The cluster firewall is off, so firewalls and anti-spoofing of guests have no effect."
        fix = "Allow your own access first, then: pvesh set /cluster/firewall/options --enable 1"
        yield ServerCheck("cluster firewall", CheckResult.WARN, sentence, fix)

    def clocks(self) -> Iterator[ServerCheck]:
        """Whether the nodes and this host agree on the time."""
        for node in self._online():
            skew = self.cluster.clock_skew(node)
            amount = f"The clock of {node} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours"
            if abs(skew) <= CLOCK_WARNING:
                yield ServerCheck(f"clock {node}", CheckResult.OK, f"The clock of {node} agrees with ours.")
                continue
            result = CheckResult.FAIL if abs(skew) > CLOCK_FAILURE else CheckResult.WARN
            yield ServerCheck(
                f"clock {node}", result, f"{amount}.", "Set the time on both hosts with chrony."
            )

    def _online(self) -> list[str]:
        return [node.name for node in self.nodes if node.online]


def _optional(unused: Iterable[PrivilegeGrant]) -> ServerCheck:
    """The privileges that are not there and that nothing uses."""
    by_use: dict[str, list[str]] = {}
    for grant in unused:
        by_use.setdefault(str(grant.privilege.use), []).append(f"{grant.privilege.name} on {grant.path}")
    named = "; ".join(f"{', '.join(names)} ({use})" for use, names in by_use.items())
    return ServerCheck(
        "optional privileges", CheckResult.OK, f"Not granted, and no product uses them: {named}."
    )


def _words(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error)
