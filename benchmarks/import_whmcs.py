"""Measure an import from WHMCS against the simulated cluster: plan, apply, repeat.

Run: python -m benchmarks.import_whmcs [SERVICES]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from kvmtui.lab import Lab
from tests import program

_TABLES = """\
INSERT INTO tblservers (id,name,hostname) VALUES (3,'pve-lab','');
INSERT INTO tblservergroupsrel (groupid,serverid) VALUES (1,3);
INSERT INTO tblproducts (id,name,servertype,servergroup,configoption2) VALUES
(10,'VPS','puqProxmoxKVM',1,'{"cpu":1,"ram":1,"os_template":9000}');
INSERT INTO puq_proxmox_kvm_ip_pools (id,server_id,type,bridge,vlan,gateway,mask,start,stop) VALUES
(1,3,'IPv4','vmbr0',0,'10.9.0.1',16,'10.9.0.2','10.9.255.254');
"""


def dump(services: int) -> str:
    """A WHMCS dump with this many services, each of a different client, and a large table that the import skips."""
    numbers = range(services)
    clients = ",".join(f"({n + 1},'Client','{n}','c{n}@example.com','english')" for n in numbers)
    hosting = ",".join(
        f"({n + 1000},{n + 1},10,3,'Active','vm-{n}.example.com','{_address(n)}')" for n in numbers
    )
    vms = ",".join(f"({n + 1000},{n + 10_000},'vm-{n}','ready')" for n in numbers)
    log = ",".join(f"({n},'it\\'s a line; (number {n})')" for n in range(200_000))
    return (
        f"{_TABLES}INSERT INTO tblactivitylog VALUES {log};\n"
        f"INSERT INTO tblclients (id,firstname,lastname,email,language) VALUES {clients};\n"
        f"INSERT INTO tblhosting (id,userid,packageid,server,domainstatus,domain,dedicatedip) VALUES {hosting};\n"
        f"INSERT INTO puqProxmoxKVM_vm_info (service_id,vm_id,vm_name,vm_status) VALUES {vms};\n"
    )


def _address(number: int) -> str:
    return f"10.9.{number // 250 + 1}.{number % 250 + 2}"


def main(services: int) -> None:
    """Print the duration of each part."""
    with tempfile.TemporaryDirectory() as folder, Lab(nodes=3, speed=200.0) as lab:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        site, shop, ticks = (Path(folder) / name for name in ("site.yaml", "shop.sql", "vms.txt"))
        site.write_text(
            f"servers:\n  - {{name: pve-lab, hosts: [127.0.0.1], port: {lab.port}, token_id: '{lab.token_id}', "
            f"token_secret: '{lab.token_secret}', tls: {{fingerprint: '{lab.fingerprint}'}}}}\n"
        )
        site.chmod(0o600)
        shop.write_text(dump(services))
        for number in range(services):
            lab.foreign_create(number + 10_000, f"pve{number % 3 + 1}", f"vm-{number}")
            card = f"virtio=BC:24:11:00:{number // 256:02X}:{number % 256:02X},bridge=vmbr0"
            address = f"ip={_address(number)}/16,gw=10.9.0.1"
            lab.foreign_config(number + 10_000, net0=card, ipconfig0=address)
        source = ("import", "whmcs", "--db-dump", str(shop), "--adoptions", str(ticks))
        for what, arguments in (
            ("site", ("apply", str(site))),
            ("plan", source),
            ("apply", (*source, "--apply", "--wait=1800")),
            ("repeat", (*source, "--apply")),
        ):
            if what == "apply":
                ticks.write_text(ticks.read_text().replace("[ ]", "[x]"))
            begun, used = time.monotonic(), time.process_time()
            ran = program.here(home, *arguments)
            took, cpu = time.monotonic() - begun, time.process_time() - used
            last = (ran.stderr.strip().splitlines() or [""])[-1]
            print(f"{what:7} {took:7.1f} s ({cpu:.1f} s CPU with the cluster)  exit {ran.exit}  {last}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
