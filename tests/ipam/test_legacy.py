"""The address list of a server: what is an entry, and which line is none."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ipam.legacy import LegacyAddress, parse, prefix_of


def test_entries_in_their_order() -> None:
    entries, wrong = parse(
        "\n# the old rack\n"
        " vmbr0 | 10 | 192.0.2.9 | 24 | 192.0.2.1 | 8.8.8.8, 1.1.1.1 \n"
        "vmbr0||192.0.2.2|/24|192.0.2.1\r\n"
        "vmbr1|0|2001:db8::5|64|2001:db8::1|2001:db8::53"
    )
    assert wrong == []
    assert entries == [
        LegacyAddress(3, "vmbr0", 10, ip_address("192.0.2.9"), 24, "192.0.2.1", "8.8.8.8", "1.1.1.1"),
        LegacyAddress(4, "vmbr0", 0, ip_address("192.0.2.2"), 24, "192.0.2.1", "", ""),
        LegacyAddress(5, "vmbr1", 0, ip_address("2001:db8::5"), 64, "2001:db8::1", "2001:db8::53", ""),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("vmbr0|0|192.0.2.9|24", "has 4 fields; write bridge|vlan|address|mask|gateway|dns1,dns2"),
        ("vm br|0|192.0.2.9|24|192.0.2.1|", "bridge:"),
        ("vmbr0|-1|192.0.2.9|24|192.0.2.1|", "vlan: '-1'"),
        ("vmbr0|4095|192.0.2.9|24|192.0.2.1|", "vlan: 4095"),
        ("vmbr0|0|192.0.2.999|24|192.0.2.1|", "'192.0.2.999' is not an IP address"),
        ("vmbr0|0|192.0.2.9|33|192.0.2.1|", "mask: 33"),
        ("vmbr0|0|192.0.2.9|255.0.255.0|192.0.2.1|", "mask: '255.0.255.0'"),
        ("vmbr0|0|192.0.2.9|0.0.0.255|192.0.2.1|", "mask: '0.0.0.255'"),
        ("vmbr0|0|192.0.2.9|24|192.0.3.1|", "gateway: 192.0.3.1 is outside 192.0.2.0/24"),
        ("vmbr0|0|192.0.2.9|24|2001:db8::1|", "gateway: 2001:db8::1 is not an IPv4 address"),
        ("vmbr0|0|192.0.2.1|24|192.0.2.1|", "is its own gateway"),
        ("vmbr0|0|192.0.2.9|24|192.0.2.1|a", "'a' is not an IP address"),
        ("vmbr0|0|192.0.2.9|24|192.0.2.1|8.8.8.8,1.1.1.1,9.9.9.9", "names 3 DNS servers"),
        ("vmbr0|0|192.0.2.2|24|192.0.2.1|", "192.0.2.2 is on line 1 already"),
        ("vmbr0|0|fe80::1%eth0|64|fe80::2|", "names an interface"),
    ],
)
def test_every_bad_line_is_reported(line: str, why: str) -> None:
    good = "vmbr0|0|192.0.2.2|24|192.0.2.1|"
    entries, wrong = parse(f"{good}\n{line}\n{good.replace('2.2|', '2.3|')}")
    assert [entry.line for entry in entries] == [1, 3]
    [fault] = wrong
    assert str(fault).startswith("line 2: ")
    assert why in fault.sentence


def test_a_list_without_end_is_cut_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.ipam.legacy.MOST_LINES", 2)
    _, wrong = parse("#\n#\n#\n")
    assert [fault.line for fault in wrong] == [3]


@given(st.text(alphabet="vmbr0|:./,19\n2#é\x00", max_size=60))
def test_any_text_is_read_or_reported(text: str) -> None:
    entries, wrong = parse(text)
    assert not {entry.line for entry in entries} & {fault.line for fault in wrong}


@given(st.integers(0, 32))
def test_netmask_and_prefix_mean_the_same(prefix: int) -> None:
    netmask = str(ip_address((0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF))
    assert prefix_of(netmask) == prefix_of(str(prefix)) == prefix_of(f"/{prefix}") == prefix
