"""Which zones a record is written to, classless reverse zones included."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dns.classless import block_of, classless_name
from engine.dns.matching import ConfiguredZone, targets
from engine.dns.names import reverse_name, reverse_zone_hint, within

PDNS, OTHER, PANEL = ("powerdns", "https://a"), ("powerdns", "https://b"), ("hestiacp", "https://h")


def zones(*specs: tuple[str, tuple[str, str]]) -> list[ConfiguredZone]:
    return [ConfiguredZone(at, name, *where) for at, (name, where) in enumerate(specs, start=1)]


def found(name: str, *specs: tuple[str, tuple[str, str]]) -> list[tuple[int, str]]:
    return [(target.zone.id, target.name) for target in targets(zones(*specs), name)]


def test_a_suffix_matches_on_label_borders_only() -> None:
    specs = (("example.com", PDNS), ("ample.com", OTHER), ("example.org", PANEL))
    assert found("VM-1.Example.com.", *specs) == [(1, "vm-1.example.com")]


def test_mirrors_of_one_name_are_all_written() -> None:
    specs = (("example.com", PDNS), ("Example.COM.", PANEL), ("example.com", OTHER))
    assert [at for at, _ in found("vm.example.com", *specs)] == [1, 2, 3]


def test_one_server_gets_the_record_in_its_most_specific_zone_alone() -> None:
    specs = (("192.in-addr.arpa", PDNS), ("168.192.in-addr.arpa", PDNS), ("1.168.192.in-addr.arpa", PDNS))
    assert [at for at, _ in found("10.1.168.192.in-addr.arpa", *specs)] == [3]


def test_each_server_has_its_own_most_specific_zone() -> None:
    specs = (
        ("168.192.in-addr.arpa", PANEL),
        ("1.168.192.in-addr.arpa", PDNS),
        ("168.192.in-addr.arpa", PDNS),
    )
    assert [at for at, _ in found("10.1.168.192.in-addr.arpa", *specs)] == [1, 2]


def test_no_zone_matches_is_no_error() -> None:
    assert found("vm.example.com", ("example.net", PDNS)) == []


def test_the_apex_of_a_forward_zone_is_not_ours() -> None:
    assert found("example.com", ("example.com", PDNS), ("com", PDNS)) == []


def test_a_reverse_zone_of_one_address_has_its_pointer_at_the_apex() -> None:
    name = reverse_name("2001:db8::7")
    assert found(name, (name, PDNS)) == [(1, name)]


def test_international_names_match_in_both_spellings() -> None:
    assert found("vm.bücher.example", ("xn--bcher-kva.example", PDNS)) == [(1, "vm.xn--bcher-kva.example")]
    assert found("vm.xn--bcher-kva.example", ("BÜCHER.example.", PDNS)) == [(1, "vm.xn--bcher-kva.example")]


@pytest.mark.parametrize("first", ["0/26", "0-26", "0-63"])
def test_a_classless_zone_holds_the_pointers_of_its_block(first: str) -> None:
    zone = f"{first}.2.0.192.in-addr.arpa"
    assert found(reverse_name("192.0.2.10"), (zone, PDNS)) == [(1, f"10.{zone}")]
    assert found(reverse_name("192.0.2.64"), (zone, PDNS)) == []
    assert found(reverse_name("192.0.3.10"), (zone, PDNS)) == []


def test_a_classless_zone_wins_over_its_parent_on_the_same_server() -> None:
    specs = (("2.0.192.in-addr.arpa", PDNS), ("0/26.2.0.192.in-addr.arpa", PDNS))
    assert [at for at, _ in found(reverse_name("192.0.2.10"), *specs)] == [2]
    assert [at for at, _ in found(reverse_name("192.0.2.70"), *specs)] == [1]


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [
        ("64/26.2.0.192.in-addr.arpa", "192.0.2.64", "192.0.2.127"),
        ("64-26.2.0.192.in-addr.arpa", "192.0.2.64", "192.0.2.127"),
        ("0-31.2.0.192.in-addr.arpa", "192.0.2.0", "192.0.2.31"),
        ("0/31.2.0.192.in-addr.arpa", "192.0.2.0", "192.0.2.1"),
        ("24-27.2.0.192.in-addr.arpa", "192.0.2.24", "192.0.2.27"),
        ("10-50.2.0.192.in-addr.arpa", "192.0.2.10", "192.0.2.50"),
        ("4/22.168.192.in-addr.arpa", "192.168.4.0", "192.168.7.255"),
    ],
)
def test_blocks(zone: str, first: str, last: str) -> None:
    block = block_of(zone)
    assert block is not None
    assert (str(block.first), str(block.last)) == (first, last)


@pytest.mark.parametrize(
    "zone",
    [
        "2.0.192.in-addr.arpa",
        "0/24.2.0.192.in-addr.arpa",
        "1/26.2.0.192.in-addr.arpa",
        "0/33.2.0.192.in-addr.arpa",
        "9-3.2.0.192.in-addr.arpa",
        "0-300.2.0.192.in-addr.arpa",
        "0/26.2.0.999.in-addr.arpa",
        "0/26.example.com",
        "0/26.in-addr.arpa",
    ],
)
def test_what_is_no_block(zone: str) -> None:
    assert block_of(zone) is None


def test_wide_blocks_keep_the_octets_below_them() -> None:
    address = ipaddress.ip_address("192.168.5.9")
    assert classless_name(address, "4/22.168.192.in-addr.arpa") == "9.5.4/22.168.192.in-addr.arpa"


@given(st.ip_addresses(v=4), st.integers(25, 31), st.sampled_from("/-"))
def test_every_classless_zone_covers_exactly_its_network(
    address: ipaddress.IPv4Address, length: int, sign: str
) -> None:
    network = ipaddress.ip_network((address, length), strict=False)
    parent = reverse_zone_hint(ipaddress.ip_network((address, 24), strict=False))
    start = int(network.network_address) & 255
    if sign == "-":
        zone = f"{start}-{int(network.broadcast_address) & 255}.{parent}"
    else:
        zone = f"{start}/{length}.{parent}"
    for inside in (network.network_address, network.broadcast_address, address):
        name = classless_name(inside, zone)
        assert name is not None
        assert within(name, zone)
    for outside in (int(network.network_address) - 1, int(network.broadcast_address) + 1):
        if 0 <= outside < 2**32:
            assert classless_name(ipaddress.IPv4Address(outside), zone) is None


NAMES = st.sampled_from(
    ["com", "example.com", "a.example.com", "b.a.example.com", "ample.com", "example.net"]
)
PLACES = st.sampled_from([PDNS, OTHER, PANEL])


@given(st.lists(st.tuples(NAMES, PLACES), max_size=8), NAMES)
def test_matching_is_the_longest_suffix_of_each_server(
    specs: list[tuple[str, tuple[str, str]]], parent: str
) -> None:
    name = "vm." + parent
    chosen = {target.zone.id for target in targets(zones(*specs), name)}
    for zone in zones(*specs):
        rivals = [z for z in zones(*specs) if (z.provider, z.server) == (zone.provider, zone.server)]
        holding = [len(z.name) for z in rivals if ("." + name).endswith("." + z.name)]
        fits = ("." + name).endswith("." + zone.name)
        assert (zone.id in chosen) == (fits and len(zone.name) == max(holding, default=0))
