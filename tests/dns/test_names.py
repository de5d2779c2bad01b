"""Names in one spelling, and the reverse tree."""

from __future__ import annotations

import ipaddress

import dns.reversename
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.dns import names
from engine.errors import Refused

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("Example.COM.", "example.com"),
        (" vm1.example.com ", "vm1.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER。example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_acme.example.com", "_acme.example.com"),
        ("0/26.2.0.192.in-addr.arpa.", "0/26.2.0.192.in-addr.arpa"),
    ],
)
def test_one_spelling(given_name: str, expected: str) -> None:
    assert names.normalise(given_name) == expected


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "empty"),
        (".", "empty"),
        ("a..b", "empty part"),
        ("a.example..", "empty part"),
        ("x" * 64 + ".example", "at most 63"),
        (".".join(["abcdefgh"] * 30), "at most 253"),
        ("a\u200d\u0301.example", "international"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_a_sentence(bad: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refusal:
        names.normalise(bad)
    assert refusal.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "bad", ["vm_1.example.com", "-vm.example.com", "vm-.example.com", "vm 1.example.com"]
)
def test_a_host_name_has_letters_digits_and_inner_hyphens(bad: str) -> None:
    with pytest.raises(Refused, match="host name"):
        names.hostname(bad)


def test_a_host_name_is_full_and_no_address() -> None:
    with pytest.raises(Refused, match="not a full name"):
        names.hostname("localhost")
    with pytest.raises(Refused, match="read as an address"):
        names.hostname("192.0.2.1")


def test_an_owner_name_may_be_what_a_host_name_may_not() -> None:
    assert names.owner_name("_srv.0/26.Example.com.") == "_srv.0/26.example.com"
    with pytest.raises(Refused, match="no DNS record"):
        names.owner_name("vm 1.example.com")


def test_a_suffix_counts_whole_labels() -> None:
    assert names.within("vm.example.com", "example.com")
    assert names.within("example.com", "example.com")
    assert not names.within("vm.badexample.com", "example.com")
    assert not names.within("example.com", "vm.example.com")


def test_relative_and_absolute_are_inverse() -> None:
    for name in ("example.com", "vm.example.com", "a.b.example.com"):
        assert names.absolute(names.relative(name, "example.com"), "example.com") == name
    assert names.absolute("Other.Example.org.", "example.com") == "other.example.org"


@given(st.one_of(V4, V6))
def test_reverse_names_agree_with_dnspython(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assume(getattr(address, "ipv4_mapped", None) is None)  # dnspython takes these for IPv4
    expected = dns.reversename.from_address(str(address)).to_text().removesuffix(".")
    assert names.reverse_name(address) == expected
    assert names.reversed_address(expected) == address


def test_ipv6_reverse_has_all_nibbles() -> None:
    assert names.reverse_name("2001:0DB8::7") == "7." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.mark.parametrize("bad", ["192.0.2", "fe80::1%eth0", "vm.example.com", "192.0.2.1/24"])
def test_what_is_no_address_has_no_reverse_name(bad: str) -> None:
    with pytest.raises(Refused):
        names.reverse_name(bad)


@pytest.mark.parametrize(
    "partial",
    ["2.0.192.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "01.2.0.192.in-addr.arpa", "8.b.d.0.ip6.arpa"],
)
def test_a_partial_reverse_name_is_no_address(partial: str) -> None:
    assert names.reversed_address(partial) is None


@pytest.mark.parametrize(
    ("network", "zone"),
    [
        ("10.0.0.0/8", "10.in-addr.arpa"),
        ("172.16.0.0/16", "16.172.in-addr.arpa"),
        ("192.168.130.2/24", "130.168.192.in-addr.arpa"),
        ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("2001:db8::2/120", "0." * 22 + "8.b.d.0.1.0.0.2.ip6.arpa"),
        ("192.0.2.0/26", "classless delegation required"),
        ("10.0.0.0/22", "classless delegation required"),
        ("192.0.2.1/32", "classless delegation required"),
        ("2001:db8::/33", "classless delegation required"),
    ],
)
def test_zone_hints(network: str, zone: str) -> None:
    assert names.reverse_zone_hint(network) == zone


@given(V6, st.integers(1, 32))
def test_every_nibble_has_a_zone_that_holds_the_address(address: ipaddress.IPv6Address, nibbles: int) -> None:
    zone = names.reverse_zone_hint(ipaddress.ip_network((address, nibbles * 4), strict=False))
    assert names.within(names.reverse_name(address), zone)
    assert len(zone.split(".")) == nibbles + 2
    assert names.is_reverse(zone)


def test_the_name_alone_decides_whether_a_zone_is_reverse() -> None:
    assert names.is_reverse("2.0.192.IN-ADDR.arpa.")
    assert names.is_reverse("8.b.d.0.ip6.arpa")
    assert not names.is_reverse("in-addr.arpa.example.com")
    assert not names.is_reverse("notip6.arpa")
