"""A complete manifest, and the means to apply variations of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.audit import Actor
from engine.store.database import database, session
from engine.store.models import TABLES
from kvmtui.manifest.applying import ApplyReport, apply

FINGERPRINT = ":".join(["AB"] * 32)
SITE = f"""\
settings:
  general: {{default_timeout: 12}}
  cron: {{intervals: {{scheduleBackup: 10}}}}
  smtp: {{host: 127.0.0.1, port: 2525, sender: noc@example.com, username: mailer, password: smtp-secret}}
servers:
  - name: pve-waw1
    hosts: [10.0.0.11, 10.0.0.12]
    token_id: "kvmtui@pve!console"
    token_secret: token-secret
    tls: {{fingerprint: "{FINGERPRINT}"}}
    assigned_ips: |
      vmbr0|10|192.168.10.2|24|192.168.10.1|8.8.8.8,1.1.1.1
  - {{name: pve-old, hosts: [pve.example.com], user: root@pam, password: root-secret, tls: {{insecure: true}}}}
pools:
  - {{server: pve-waw1, type: IPv4, gateway: 192.168.130.1, mask: 24, dns1: 8.8.8.8,
     start: 192.168.130.2, stop: 192.168.130.30}}
  - {{server: pve-waw1, type: IPv6, gateway: "2001:db8::1", mask: 120, start: "2001:db8::2", stop: "2001:db8::50"}}
zones:
  - {{zone: example.com, type: powerdns, server_url: "http://127.0.0.1:8081", api_key: pdns-secret}}
  - {{zone: example.net, type: cloudflare, account_id: acc1, zone_id: z1, api_token: cloud-secret}}
  - {{zone: example.org, type: hestiacp, server_url: "https://hestia:8083/", admin_user: admin,
     admin_password: hestia-secret, user: dns}}
products:
  - name: VPS-2
    server: pve-waw1
    template: 9000
    first_vmid: 2000
    memory: 2048
    network: {{model: virtio, bandwidth: 12}}
    system_disk: {{storage: local-lvm, size: 20}}
clients:
  - {{name: Acme, email: ops@acme.example, language: en}}
services:
  - {{id: 5546, client: Acme, product: VPS-2, options: {{cores: 4, ipv6: 0}}}}
"""
SECRETS = {
    "token_secret": "token-secret",
    "api_key": "pdns-secret",
    "api_token": "cloud-secret",
    "admin_password": "hestia-secret",
}


@pytest.fixture
def actor() -> Actor:
    """Who applies."""
    return Actor("tester", "", "apply")


@pytest.fixture
def put(store: object, tmp_path: Path, actor: Actor) -> Callable[..., ApplyReport]:
    """Applies a text as a manifest."""

    def run(text: str, **switches: bool) -> ApplyReport:
        file = tmp_path / "site.yaml"
        file.write_text(text, encoding="utf-8")
        return apply(file, actor, **switches)

    return run


@pytest.fixture
def everything(store: object) -> Callable[[], dict[str, list[tuple[object, ...]]]]:
    """The content of every table, to compare before and after."""

    def read() -> dict[str, list[tuple[object, ...]]]:
        with session():
            names = [table._meta.table_name for table in TABLES]
            return {
                name: sorted(map(repr, database.execute_sql(f'SELECT * FROM "{name}"').fetchall()))  # type: ignore[misc]
                for name in names
            }

    return read
