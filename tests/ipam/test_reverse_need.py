"""The reverse zone hint of a pool: which zones a network needs, and whether zones of ours hold it."""

from __future__ import annotations

import pytest

from engine.dns.matching import ConfiguredZone
from engine.queries.reverse import our_zones, reverse_need
from engine.store.models import Zone as ZoneRow
from tests.conftest import Store

ZONES = (
    ConfiguredZone(1, "2.0.192.in-addr.arpa", "powerdns", "a"),
    ConfiguredZone(2, "0/26.113.0.203.in-addr.arpa", "powerdns", "a"),
    ConfiguredZone(3, "8.b.d.0.1.0.0.2.ip6.arpa", "hestiacp", "b"),
)


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("192.0.2.1/24", "2.0.192.in-addr.arpa; kept in 2.0.192.in-addr.arpa/PowerDNS."),
        ("198.51.100.1/24", "100.51.198.in-addr.arpa; no zone of ours holds it, so no reverse names"),
        ("192.0.2.65/26", "Part of a zone: kept in 2.0.192.in-addr.arpa/PowerDNS."),
        ("203.0.113.1/26", "Part of a zone: kept in 0/26.113.0.203.in-addr.arpa/PowerDNS."),
        ("203.0.113.65/26", "classless delegation required; no zone of ours holds it"),
        (
            "192.0.0.1/22",
            "or 4 zones, 0.0.192.in-addr.arpa to 3.0.192.in-addr.arpa; only 1 of 4 kept, in 2.0",
        ),
        (
            "10.0.0.1/9",
            "classless delegation required, or 128 zones, 0.10.in-addr.arpa to 127.10.in-addr.arpa",
        ),
        (
            "2001:db8:7::1/64",
            "0.0.0.0.7.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa; kept in 8.b.d.0.1.0.0.2.ip6.arpa/Hes",
        ),
        ("2001:db8::1/31", "or 2 zones, 8.b.d.0.1.0.0.2.ip6.arpa to 9.b.d.0.1.0.0.2.ip6.arpa; only 1 of 2"),
    ],
)
def test_the_sentence_says_what_is_needed_and_whether_it_is_there(network: str, words: str) -> None:
    need = reverse_need(network, ZONES)
    assert need is not None and words in need.sentence


@pytest.mark.parametrize("typed", ["None/24", "192.0.2.1/", "192.0.2.1/33", "192.0.2/24", "/"])
def test_while_it_is_typed_there_is_no_need(typed: str) -> None:
    assert reverse_need(typed, ZONES) is None


def test_only_reverse_zones_of_the_site_count(store: Store) -> None:
    for number, name in enumerate(("example.com", "2.0.192.in-addr.arpa")):
        ZoneRow.create(uid=f"z{number}", name=name, type="powerdns", endpoint="u", config={"server_url": "u"})
    assert [zone.name for zone in our_zones()] == ["2.0.192.in-addr.arpa"]
