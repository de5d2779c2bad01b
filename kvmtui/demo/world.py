"""The world of the demo: a three-node cluster, a DNS server, a mailbox, and the site that manages them."""

from __future__ import annotations

import textwrap
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.audit import current_actor
from kvmtui import config
from kvmtui.demo import history, sample_vms, yesterday
from kvmtui.lab import Lab
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.mailbox import Mailbox
from kvmtui.manifest.applying import apply

SPEED = 8.0  # a deploy takes some fifteen seconds
KEY = "demo-key-of-a-throw-away-server"
ZONES = ("example.com", "130.168.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa")

MANIFEST = """
settings:
  smtp: {{host: 127.0.0.1, port: {mail}, security: none, sender: noc@demo.example}}
servers:
  - name: pve-demo
    hosts: [{host}]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{token_secret}"
    tls: {{fingerprint: "{fingerprint}"}}
    limits: {{clones_per_storage: 2, tasks_per_node: 4}}
pools:
  - {{server: pve-demo, type: IPv4, bridge: vmbr0, vlan: 0, gateway: 192.168.130.1, mask: 24, dns1: 9.9.9.9,
     dns2: 1.1.1.1, start: 192.168.130.2, stop: 192.168.130.30}}
  - {{server: pve-demo, type: IPv4, bridge: vmbr1, vlan: 0, gateway: 10.40.0.1, mask: 22, start: 10.40.0.10,
     stop: 10.40.3.250}}
  - {{server: pve-demo, type: IPv6, bridge: vmbr0, vlan: 0, gateway: "2001:db8::1", mask: 32,
     start: "2001:db8::10", stop: "2001:db8::ffff"}}
  - {{server: pve-demo, type: IPv4, bridge: vmbr0, vlan: 20, gateway: 198.51.100.1, mask: 28, start: 198.51.100.2,
     stop: 198.51.100.14}}
zones:
{zones}
  - {{zone: delta.example, type: powerdns, server_url: "http://127.0.0.1:9", api_key: "{key}"}}
products:
  - {{name: VPS-1, server: pve-demo, template: 9002, clone: full, first_vmid: 2000, name_rule: "vps-{{service_id}}",
     main_domain: example.com, cores: 1, memory: 1024, snapshots: 2, backups: 1, backup_storage: backup,
     iso_storage: iso, network: {{bandwidth: 12}}, system_disk: {{storage: local-lvm, size: 10}}}}
  - {{name: VPS-2, server: pve-demo, template: 9000, clone: full, first_vmid: 2000, name_rule: "vps-{{service_id}}",
     main_domain: example.com, cores: 2, memory: 2048, snapshots: 3, snapshot_lifetime: 5, backups: 2,
     backup_storage: backup, iso_storage: iso, network: {{bandwidth: 25, ipv6: 1}},
     system_disk: {{storage: local-lvm, size: 20, mbps_rd: 100, mbps_wr: 100, iops_rd: 500, iops_wr: 500}}}}
  - {{name: VPS-Rocky, server: pve-demo, template: rocky-10, clone: full, first_vmid: 2000,
     name_rule: "vps-{{service_id}}", main_domain: example.com, cores: 2, memory: 2048,
     system_disk: {{storage: local-lvm, size: 20}}}}
clients:
  - {{name: Acme, email: ops@acme.example, language: en}}
  - {{name: Borealis Hosting, email: noc@borealis.example, language: en}}
  - {{name: Chimera Labs, email: admin@chimera.example, language: de}}
  - {{name: Delta Shops, email: it@delta.example, language: pl}}
"""


class DemoWorld:
    """`with World(folder) as world:` serves it; `settle` fills it."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._stack = ExitStack()
        self.lab = Lab(nodes=3, speed=SPEED)
        self.dns = PowerDnsLite(KEY)
        self.mail = Mailbox()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.lab)
        self.dns.start()
        self._stack.callback(self.dns.stop)
        self._stack.enter_context(self.mail)
        for zone in ZONES:
            self.dns.add_zone(zone)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def settle(self) -> None:
        """Set up the site from its manifest with VMs: most ready, some being deployed, one stuck."""
        config.open_site(config.load())
        file = self._folder / "demo.yaml"
        file.write_text(self._manifest(), encoding="utf-8")
        file.chmod(0o600)
        apply(file, current_actor("cli"))
        sample_vms.populate(self.lab)
        history.leave(self.lab)
        yesterday.remember()

    def _manifest(self) -> str:
        zones = "\n".join(
            f'  - {{zone: {zone}, type: powerdns, server_url: "{self.dns.url}", api_key: "{KEY}"}}'
            for zone in ZONES
        )
        return textwrap.dedent(MANIFEST).format(
            host=self.lab.host,
            port=self.lab.port,
            token_id=self.lab.token_id,
            token_secret=self.lab.token_secret,
            fingerprint=self.lab.fingerprint,
            zones=zones,
            mail=self.mail.port,
            key=KEY,
        )
