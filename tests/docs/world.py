"""The site the documentation speaks of: cluster pve-waw1, client Acme, service 5546; made fresh for a page."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.audit import current_actor
from engine.store.database import transaction
from engine.store.models import Client, Product
from kvmtui import config
from kvmtui.demo import sample_vms
from kvmtui.lab import Lab
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.mailbox import Mailbox
from kvmtui.manifest.applying import apply

SPEED = 400.0
ZONES = ("example.com", "130.168.192.in-addr.arpa")
KEY = "key-of-the-documentation"
PUQ = """\
CREATE TABLE `puq_customization_ip_pools` (`id` int, `server_id` int, `type` text, `bridge` text, `vlan` int,
  `gateway` text, `mask` text, `dns1` text, `dns2` text, `address_start` text, `address_stop` text);
INSERT INTO `puq_customization_ip_pools` VALUES
(1,3,'IPv4','vmbr0',30,'203.0.113.1','24','8.8.8.8','1.1.1.1','203.0.113.2','203.0.113.30');
CREATE TABLE `tblservers` (`id` int, `name` text);
INSERT INTO `tblservers` VALUES (3, 'old-name');
"""
SHOP = """\
INSERT INTO tblservers (id,name,password) VALUES (3,'old-name','x');
INSERT INTO tblservergroupsrel (groupid,serverid) VALUES (1,3);
INSERT INTO tblproducts (id,name,servertype,servergroup,configoption2) VALUES
(10,'VPS-S','puqProxmoxKVM',1,'{"cpu":1,"ram":1,"os_template":9000}');
INSERT INTO tblclients (id,firstname,lastname,companyname,email,language) VALUES
(7,'Jo','Doe','Acme','ops@acme.example','english');
"""


def shop(*vms: tuple[int, int, str]) -> str:
    """A dump of WHMCS with these services, each a number, a VMID and the VM's name."""
    hosting = ",".join(f"({service},7,10,3,'Active','{name}.example.com')" for service, _, name in vms)
    info = ",".join(f"({service},{vmid},'{name}','ready')" for service, vmid, name in vms)
    return (
        f"{SHOP}INSERT INTO tblhosting (id,userid,packageid,server,domainstatus,domain) VALUES {hosting};\n"
        f"INSERT INTO puqProxmoxKVM_vm_info (service_id,vm_id,vm_name,vm_status) VALUES {info};\n"
    )


SITE = """
settings:
  smtp: {{host: 127.0.0.1, port: {mail}, security: none, sender: noc@example.com}}
servers:
  - name: pve-waw1
    hosts: [127.0.0.1]
    port: {port}
    token_id: "{token_id}"
    token_secret: "{token_secret}"
    tls: {{fingerprint: "{fingerprint}"}}
pools:
  - {{server: pve-waw1, type: IPv4, gateway: 192.168.130.1, mask: 24, start: 192.168.130.2, stop: 192.168.130.30}}
zones:
  - {{zone: example.com, type: powerdns, server_url: "{dns}", api_key: {key}}}
  - {{zone: 130.168.192.in-addr.arpa, type: powerdns, server_url: "{dns}", api_key: {key}}}
products:
  - &vps2
    name: VPS-2
    server: pve-waw1
    template: 9000
    clone: full
    first_vmid: 2000
    name_rule: "vps-{{service_id}}"
    main_domain: example.com
    cores: 2
    memory: 2048
    snapshots: 3
    backups: 2
    backup_storage: backup
    iso_storage: iso
    system_disk: {{storage: local-lvm, size: 20}}
  - {{<<: *vps2, name: VPS-4, cores: 4, memory: 4096}}
clients:
  - {{name: Acme, email: ops@acme.example}}
"""


@dataclass
class World:
    """What a page's commands meet, and how its names translate to it."""

    lab: Lab
    dns: PowerDnsLite
    folder: Path

    def words(self, words: tuple[str, ...]) -> list[str]:
        """The words of a command with the documentation's addresses replaced by those of this world."""
        known = {
            "10.0.0.11": "127.0.0.1",
            "10.0.0.21": "127.0.0.1",
            "8006": str(self.lab.port),
            "kvmtui@pve!console": self.lab.token_id,
            "https://ns1.example.com:8081": self.dns.url,
        }
        made = [known.get(word, word) for word in map(self._filled, words)]
        if "--host" in made and "--port" not in made:
            made += ["--port", str(self.lab.port)]
        return made

    def _filled(self, word: str) -> str:
        """A word as a shell would fill it in, with the documentation's folder of backups replaced."""
        if word == "$BACKUP":
            return self._newest_backup()
        word = word.replace("$(date +%F)", "2026-04-10").replace("/var/backups/kvmtui", str(self.folder))
        return os.path.expandvars(word)

    def _newest_backup(self) -> str:
        from engine.queries.maintenance import backups

        config.open_site(config.load())
        try:
            return backups(5546)[0].backup
        finally:
            config.close_site()


@contextmanager
def world(kind: str, folder: Path, setenv: Callable[[str, str], None]) -> Iterator[World]:
    """A world of its own, with the site it asks for in `KVMTUI_HOME`."""
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(nodes=3, speed=SPEED))
        dns = PowerDnsLite(KEY)
        dns.start()
        stack.callback(dns.stop)
        mail = stack.enter_context(Mailbox())
        for zone in ZONES:
            dns.add_zone(zone)
        secrets = {
            "PVE_TOKEN": lab.token_secret,
            "PDNS_KEY": KEY,
            "SMTP_PASSWORD": "s",
            "CF_TOKEN": "t",
            "HESTIA_SECRET": "h",
        }
        for name, value in (secrets | {"FINGERPRINT": lab.fingerprint}).items():
            setenv(name, value)
        (folder / "puq.sql").write_text(PUQ)
        (folder / "whmcs.sql.gz").write_bytes(gzip.compress((PUQ + shop((5105, 105, "old-wiki"))).encode()))
        if kind == "full":
            _set_up(lab, dns, mail, folder)
        yield World(lab, dns, folder)


def _set_up(lab: Lab, dns: PowerDnsLite, mail: Mailbox, folder: Path) -> None:
    config.open_site(config.load())
    file = folder / "documentation.yaml"
    file.write_text(
        SITE.format(
            port=lab.port,
            token_id=lab.token_id,
            token_secret=lab.token_secret,
            fingerprint=lab.fingerprint,
            dns=dns.url,
            key=KEY,
            mail=mail.port,
        )
    )
    file.chmod(0o600)
    apply(file, current_actor("cli"))
    with transaction():
        product, client = Product.get(Product.name == "VPS-2"), Client.get(Client.name == "Acme")
        sample_vms._ready(lab, 5546, product, client, 2, "Active", False, random.Random(1))
    config.close_site()
    file.unlink()
