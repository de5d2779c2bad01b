"""Clients written by others, pointed at the fakes and at PowerDNS: they see what we see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.dns.plan import make_plan
from engine.dns.records import Record
from tests.dns.bench import FORWARD, CloudflareBench, create
from tests.dns.powerdns_server import PowerDnsServer

octodns = pytest.importorskip("octodns", reason="octodns is not installed (pip install '.[foreign]')")
ZONE_FILE = """
vm7:
  - {ttl: 300, type: A, value: 192.0.2.7}
  - {ttl: 300, type: AAAA, value: '2001:db8::7'}
"""


def desired(folder: Path) -> Any:
    """A zone as octodns reads it from a file."""
    from octodns.provider.yaml import YamlProvider
    from octodns.zone import Zone

    (folder / f"{FORWARD}.yaml").write_text(ZONE_FILE)
    zone = Zone(f"{FORWARD}.", [])
    YamlProvider("files", str(folder), default_ttl=300, escaped_semicolons=False).populate(zone)
    return zone


def names_seen(provider: Any) -> set[tuple[str, str]]:
    """Name and type of every record that a foreign client finds."""
    from octodns.zone import Zone

    zone = Zone(f"{FORWARD}.", [])
    provider.populate(zone)
    return {(record.fqdn.rstrip("."), record._type) for record in zone.records}


def test_octodns_writes_to_the_cloudflare_fake_and_reads_what_we_wrote(
    cloudflare: CloudflareBench, tmp_path: Path
) -> None:
    octodns_cloudflare = pytest.importorskip("octodns_cloudflare")
    token = next(iter(cloudflare.fake.tokens))
    theirs = octodns_cloudflare.CloudflareProvider(
        "fake", token=token, api_url=cloudflare.fake.api_url, pagerules=False, plan_type="free"
    )
    plan = theirs.plan(desired(tmp_path))
    assert len(plan.changes) == 2
    assert theirs.apply(plan) == 2
    provider = cloudflare.open()
    mine = Record(f"vm7.{FORWARD}", "A", "192.0.2.7")
    found = make_plan([mine], provider.read([mine.key]), [])
    assert [str(change)[0] for change in found.changes] == ["="]
    assert provider.apply([create(f"vm8.{FORWARD}", "A", "192.0.2.8")])[0].ok
    fresh = octodns_cloudflare.CloudflareProvider(
        "again", token=token, api_url=cloudflare.fake.api_url, pagerules=False, plan_type="free"
    )
    assert names_seen(fresh) == {
        (f"vm7.{FORWARD}", "A"),
        (f"vm7.{FORWARD}", "AAAA"),
        (f"vm8.{FORWARD}", "A"),
    }


def test_octodns_finds_in_powerdns_what_we_wrote(
    pdns: PowerDnsServer, open_pdns: Any, tmp_path: Path
) -> None:
    octodns_powerdns = pytest.importorskip("octodns_powerdns")
    records = [
        create(f"vm7.{FORWARD}", "A", "192.0.2.7"),
        create(f"vm7.{FORWARD}", "AAAA", "2001:0db8:0::7"),
    ]
    assert all(result.ok for result in open_pdns().apply(records))
    theirs = octodns_powerdns.PowerDnsProvider("real", "127.0.0.1", pdns.key, port=pdns.api_port)
    assert {(f"vm7.{FORWARD}", "A"), (f"vm7.{FORWARD}", "AAAA")} <= names_seen(theirs)
    plan = theirs.plan(desired(tmp_path))
    ours = [change for change in plan.changes if change.record.name == "vm7"] if plan else []
    assert ours == []
