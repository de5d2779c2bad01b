"""A manifest with many different errors: each is reported with its line, and nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvmtui.manifest.checking import BadManifest
from tests.conftest import Ran
from tests.manifest.conftest import SITE

# one fault a line: the text, and what the line of the answer must hold
LINES: list[tuple[str, str]] = [
    ("settings:", ""),
    ("  general: {default_timeout: 301}", "settings.general.default_timeout: must be 300 or less."),
    ("  cron: {intervals: {scheduleBackups: 5}}", "Did you mean 'scheduleBackup'?"),
    ("  smtp: {host: 'http://mail', sender: a@b.example}", "neither an address nor a host name"),
    ("  smpt: {}", "Did you mean 'smtp'?"),
    ("srevers: []", "srevers: unknown section. Did you mean 'servers'?"),
    ("servers:", ""),
    ("  - {name: s1, hosts: [10.0.0.1], token_id: 'a@pve!b', token_secret: x, port: 70000}", "must be 65535"),
    ("  - {name: s2, hosts: [10.0.0.1], token_id: nonsense, token_secret: x}", "is not user@realm!name"),
    ("  - {name: s3, hosts: [10.0.0.1]}", "needs token_id and token_secret, or user and password."),
    ("  - {name: s4, hosts: [], user: root@pam, password: x}", "servers[3].hosts: needs at least 1 entry."),
    ("  - {name: s5, hosts: [10.0.0.300], user: root@pam, password: x}", "is not an IP address"),
    ("  - {name: s6, hosts: [h], user: root@pam, password: x, tls: {}}", "needs exactly one of fingerprint"),
    ("  - {name: s7, hosts: [h], user: root@pam, password: x, tls: {fingerprint: 'AA:BB'}}", "SHA-256"),
    ("  - {name: s8, hosts: [h], user: root@pam, password: x, assigned_ips: 'vmbr0|1|2'}", "line 1"),
    ("  - {name: s9, hosts: [h], user: root@pam, password: x, token_id: 'a@b!c'}", "not both"),
    ("  - {name: ok, hosts: [h], user: root@pam, password: x}", ""),
    (
        "  - {name: ok, hosts: [h], user: root@pam, password: x}",
        "servers[10]: server 'ok' is listed twice (first on line 17).",
    ),
    ("  - just text", "servers[11]: must be a mapping"),
    ("pools:", ""),
    ("  - {server: ok, type: IPv5, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}", "IPv4"),
    ("  - {server: ok, type: IPv4, gateway: 10.0.0.1, mask: 33, start: 10.0.0.2, stop: 10.0.0.9}", "mask: "),
    (
        "  - {server: ok, type: IPv4, gateway: 10.1.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}",
        "10.1.0.1",
    ),
    ("  - {server: ok, type: IPv4, gateway: 10.0.0.1, mask: 24, start: 10.0.0.9, stop: 10.0.0.2}", "before"),
    ("  - {server: ok, type: IPv6, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}", "IPv6"),
    (
        "  - {server: ok, type: IPv4, gateway: x, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}",
        "not an IP address",
    ),
    (
        "  - {server: ok, type: IPv4, bridge: 'vm br', gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}",
        "not a bridge name",
    ),
    (
        "  - {server: ok, type: IPv4, vlan: 4095, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}",
        "vlan: must be 4094 or less.",
    ),
    ("  - {server: ok, type: IPv4, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}", ""),
    (
        "  - {server: ok, type: IPv4, gateway: 10.0.0.1, mask: 24, start: 10.0.0.5, stop: 10.0.0.7}",
        "overlaps",
    ),
    ("zones:", ""),
    (
        "  - {zone: a.example, type: bind, server_url: 'http://x:1'}",
        "zones[0].type: must be cloudflare, hestiacp",
    ),
    ("  - {zone: a b.example, type: powerdns, server_url: 'http://x:1', api_key: k}", "zones[1].zone: "),
    ("  - {zone: a.example, type: powerdns, server_url: 'ftp://x', api_key: k}", "not a server address"),
    ("  - {zone: a.example, type: powerdns, server_url: 'http://x:1'}", "zones[3].api_key: is missing."),
    ("products:", ""),
    ("  - {name: p1, server: ok, template: 9000, name_rule: '{client}'}", "there is no macro {client}"),
    ("  - {name: p2, server: ok, template: 9000, cores: many}", "cores: must be a whole number."),
    (
        "  - {name: p3, server: ok, template: 9000, ssh_keys: [nonsense]}",
        "ssh_keys[0]: is not a public SSH key",
    ),
    ("  - {name: p4, server: ok, template: 9000, netwrok: {}}", "Did you mean 'network'?"),
    ("  - {name: p5, server: nowhere, template: 9000}", "Server 'nowhere' not found."),
    ("  - {name: p6, server: ok, template: 9000, main_domain: -x.example}", "main_domain: "),
    ("  - {name: p7, server: ok, template: 9000, clone: copied}", "must be one of 'linked' or 'full'."),
    ("  - {name: p8, server: ok, template: 9000, snapshot_lifetime: 11}", "must be 10 or less."),
    ("  - {name: p9, server: ok, template: 9000, memory: -1}", "must be 0 or more."),
    ("clients:", ""),
    ("  - {name: c1, email: nonsense}", "is not an e-mail address"),
    ("  - {name: c2, email: a@b.example, language: english!}", "is not a language code"),
    ("  - {name: c3, email: a@b.example, language: en, language: de}", "the key 'language' is given twice"),
    ("  - {name: '', email: a@b.example}", "clients[3].name: must not be empty."),
    ("services:", ""),
    ("  - {client: c9, product: p99}", "services[0].id: is missing"),
    ("  - {id: 0, client: c9, product: p99}", "services[1].id: must be 1 or more."),
    ("  - {id: 2, client: nobody, product: p99}", "Client 'nobody' not found."),
    ("  - {id: 3, client: c3, product: p99, options: {coers: 2}}", "Did you mean 'cores'?"),
]


def test_every_fault_is_reported_with_its_line(
    put: Callable[..., Any], everything: Callable[[], Any]
) -> None:
    before = everything()
    with pytest.raises(BadManifest) as bad:
        put("\n".join(text for text, _ in LINES))
    answers = bad.value.sentence.splitlines()
    wrong = []
    for number, (text, wanted) in enumerate(LINES, 1):
        said = [answer.partition("site.yaml")[2] for answer in answers if f"site.yaml:{number}: " in answer]
        if not any(wanted in answer for answer in said) if wanted else said:
            wrong.append((text, wanted, said))
    assert wrong == []
    assert sum(bool(wanted) for _, wanted in LINES) >= 40
    assert everything() == before


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("- a\n- b\n", "site.yaml:1: a manifest is a mapping of sections"),
        ("just text\n", "site.yaml:1: a manifest is a mapping of sections"),
        ("servers: {a: 1}\n", "site.yaml:1: servers: must be a list"),
        ("a: [\n", "site.yaml:2: this is not YAML"),
        ("settings: [1]\n", "site.yaml:1: settings: must be a mapping"),
        ("settings: {smtp: 4}\n", "site.yaml:1: settings.smtp: must be a mapping"),
    ],
)
def test_a_file_of_another_shape_is_refused(put: Callable[..., Any], text: str, answer: str) -> None:
    with pytest.raises(BadManifest) as bad:
        put(text)
    assert answer in bad.value.sentence


def test_every_unknown_name_of_an_entry_is_a_fault_at_its_own_line(put: Callable[..., Any]) -> None:
    put(SITE)
    with pytest.raises(BadManifest) as bad:
        put(
            """\
pools:
  - {server: pve-waw, type: IPv4, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}
products:
  - name: P
    server: nowhere
    template: 9000
    colour: red
services:
  - id: 7
    client: Nobody
    product: Q
    options: {coers: 2}
  - {id: 8, client: Acme, product: P}
"""
        )
    assert [line.rpartition("site.yaml:")[2] for line in bad.value.sentence.splitlines()] == [
        "2: pools[0].server: Server 'pve-waw' not found. Did you mean 'pve-waw1'?",
        "5: products[0].server: Server 'nowhere' not found.",
        "7: products[0].colour: unknown key.",
        "10: services[0].client: Client 'Nobody' not found.",
        "11: services[0].product: Product 'Q' not found.",
        "12: services[0].options.coers: unknown key. Did you mean 'cores'?",
    ]


_TWICE = {
    "servers": ("{name: s, hosts: [10.0.0.9], user: root@pam, password: x}", "server 's'"),
    "pools": (
        "{server: pve-waw1, type: IPv4, gateway: 10.0.0.1, mask: 24, start: 10.0.0.2, stop: 10.0.0.9}",
        "the pool of server 'pve-waw1' from 10.0.0.2",
    ),
    "zones": (
        "{zone: a.example, type: powerdns, server_url: 'http://127.0.0.1:8081', api_key: x}",
        "zone 'a.example' (127.0.0.1:8081)",
    ),
    "products": ("{name: P, server: pve-waw1, template: 9000}", "product 'P'"),
    "clients": ("{name: C, email: a@b.example}", "client 'C'"),
    "services": ("{id: 77, client: Acme, product: VPS-2}", "service 77"),
}


@pytest.mark.parametrize("section", _TWICE)
@pytest.mark.parametrize("between", ["", "  # a comment\n\n"])
def test_an_object_listed_twice_is_a_fault_at_its_second_line(
    put: Callable[..., Any], everything: Callable[[], Any], section: str, between: str
) -> None:
    put(SITE)
    before = everything()
    entry, name = _TWICE[section]
    with pytest.raises(BadManifest) as bad:
        put(f"{section}:\n  - {entry}\n{between}  - {entry}\n")
    line = 3 + between.count("\n")
    assert bad.value.sentence.partition("site.yaml")[2] == (
        f":{line}: {section}[1]: {name} is listed twice (first on line 2)."
    )
    assert everything() == before


def test_a_service_listed_twice_ends_with_2(kvmtui: Callable[..., Ran], tmp_path: Path) -> None:
    manifest = tmp_path / "site.yaml"
    manifest.write_text(SITE + "  - {id: 5546, client: Acme, product: VPS-2}\n")
    refused = kvmtui("apply", str(manifest))
    assert (refused.exit, refused.stdout) == (2, "")
    assert "services[1]: service 5546 is listed twice (first on line " in refused.stderr
    assert json.loads(kvmtui("service", "list", "--json").stdout) == []
