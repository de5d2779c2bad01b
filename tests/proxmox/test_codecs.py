"""Property strings go through unchanged, and changing one option never drops another."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.proxmox.codecs import (
    GIB,
    Agent,
    Boot,
    Drive,
    IpConfig,
    Limits,
    Net,
    Options,
    Smbios,
    decode_ssh_keys,
    encode_ssh_keys,
    parse_size,
    size_text,
)
from engine.proxmox.firewall import normal_cidr
from engine.proxmox.mark import Mark, find_mark, stamped

WORD = st.from_regex(r"[A-Za-z0-9._:/+ %;-]*[A-Za-z0-9._:/+%;-]", fullmatch=True)
KEY = st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True)
MAC = st.from_regex(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}", fullmatch=True)
MODEL = st.sampled_from(["virtio", "e1000", "rtl8139", "vmxnet3", "e1000-82540em"])


def options(*reserved: str) -> st.SearchStrategy[Options]:
    not_a_mac = WORD.filter(lambda word: not re.fullmatch(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", word))
    pairs = st.lists(
        st.tuples(KEY.filter(lambda key: key not in reserved), not_a_mac),
        unique_by=lambda pair: pair[0],
        max_size=8,
    )
    return pairs.map(lambda found: Options(tuple(found)))


VOLUME = st.one_of(
    st.just("none"), st.builds("{}:{}".format, KEY, st.from_regex(r"[a-z0-9/._=-]+", fullmatch=True))
)
DRIVES = st.builds(Drive, VOLUME, options("file", "volume"))
NETS = st.builds(Net, MODEL, st.none() | MAC, options("model", "macaddr"))


@given(DRIVES)
def test_a_drive_survives(drive: Drive) -> None:
    assert Drive.parse(drive.format()) == drive


@given(NETS)
def test_a_network_card_survives(net: Net) -> None:
    assert Net.parse(net.format()) == net


@given(
    st.builds(
        Boot, st.lists(KEY, max_size=4).map(tuple), st.none() | st.from_regex(r"[acdn]{1,4}", fullmatch=True)
    )
)
def test_a_boot_order_survives(boot: Boot) -> None:
    assert Boot.parse(boot.format()) == boot


@given(st.builds(Agent, st.booleans(), options("enabled")))
def test_an_agent_string_survives(agent: Agent) -> None:
    assert Agent.parse(agent.format()) == agent


@given(st.builds(Smbios, st.uuids().map(str), options("uuid")))
def test_an_smbios_string_survives(smbios: Smbios) -> None:
    assert Smbios.parse(smbios.format()) == smbios


@given(st.builds(IpConfig, options()))
def test_an_ipconfig_survives(config: IpConfig) -> None:
    assert IpConfig.parse(config.format()) == config


@given(st.integers(min_value=0, max_value=2**50))
def test_a_size_survives(size: int) -> None:
    assert parse_size(size_text(size)) == size


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])).map(str.strip).filter(bool))
)
def test_ssh_keys_survive_and_hold_only_what_proxmox_takes(keys: list[str]) -> None:
    encoded = encode_ssh_keys(keys)
    assert decode_ssh_keys(encoded) == tuple(keys)
    assert re.fullmatch(r"[-%a-zA-Z0-9_.!~*'()]*", encoded)


@given(DRIVES, st.builds(Limits, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)))
def test_limits_are_set_and_nothing_else_is_lost(drive: Drive, limits: Limits) -> None:
    changed = Drive.parse(drive.with_limits(limits).format())
    assert changed.limits == limits
    others = [part for part in drive.options.parts if not re.match(r"(mbps|iops)", part[0] or "")]
    assert [part for part in changed.options.parts if not re.match(r"(mbps|iops)", part[0] or "")] == others


@given(NETS, st.integers(1, 4094), st.integers(1, 900), st.sampled_from(["vmbr0", "vmbr7"]))
def test_a_changed_card_keeps_its_mac_and_its_other_options(
    net: Net, vlan: int, rate: int, bridge: str
) -> None:
    changed = Net.parse(
        net.with_vlan(vlan).with_rate(rate / 8).with_bridge(bridge).with_firewall(True).format()
    )
    assert (changed.mac, changed.model) == (net.mac, net.model)
    assert (changed.vlan, changed.rate, changed.bridge, changed.firewall) == (vlan, rate / 8, bridge, True)
    assert all(changed.options.get(key or "") for key, _value in net.options.parts)
    bare = changed.with_vlan(0).with_rate(0).with_firewall(False)
    assert (bare.vlan, bare.rate, bare.firewall) == (0, 0, False)


def test_strings_as_proxmox_writes_them() -> None:
    text = "local-lvm:vm-100-disk-0,discard=on,iops_rd=500,iops_rd_max=1000,mbps_rd=100,mbps_wr=50,size=32G,ssd=1"
    drive = Drive.parse(text)
    assert drive.format() == text
    assert (drive.storage, drive.size, drive.is_disk) == ("local-lvm", 32 * GIB, True)
    assert drive.limits == Limits(100, 50, 500, 0)
    assert drive.with_limits(Limits()).format() == "local-lvm:vm-100-disk-0,discard=on,size=32G,ssd=1"
    assert drive.with_limits(Limits(mbps_rd=12.5)).options.get("mbps_rd") == "12.5"
    net = "virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1,rate=12.5,tag=100,trunks=1;2-5"
    assert Net.parse(net).format() == net
    assert Net.parse("model=e1000,macaddr=BC:24:11:AA:BB:CC,bridge=vmbr0") == Net.parse(
        "e1000=BC:24:11:AA:BB:CC,bridge=vmbr0"
    )
    assert Net.parse("newmodel=BC:24:11:AA:BB:CC").model == "newmodel"
    assert Boot.parse("cdn").legacy == "cdn"
    assert Boot.parse("order=scsi0;ide2").first("ide2").format() == "order=ide2;scsi0"
    assert Agent.parse("enabled=1,type=virtio").enabled


@pytest.mark.parametrize(
    ("text", "cloudinit", "cdrom"),
    [
        ("local-lvm:vm-100-cloudinit,media=cdrom", True, False),
        ("local:100/vm-100-cloudinit.qcow2,media=cdrom", True, False),
        ("local-lvm:cloudinit", True, False),
        ("local:iso/debian-cloudinit.iso,media=cdrom", False, True),
        ("none,media=cdrom", False, True),
        ("local-lvm:vm-100-disk-1", False, False),
    ],
)
def test_drives_are_distinguished(text: str, cloudinit: bool, cdrom: bool) -> None:
    drive = Drive.parse(text)
    assert (drive.is_cloudinit, drive.is_cdrom) == (cloudinit, cdrom)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4M", 4 * 1024**2), ("1.5G", 3 * GIB // 2), ("528K", 528 * 1024), ("7", 7), ("x", None), ("", None)],
)
def test_sizes_are_read(text: str, size: int | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["a,b", "a\nb", ""])
def test_an_option_cannot_smuggle_another(value: str) -> None:
    with pytest.raises(Refused):
        Net.parse("virtio=BC:24:11:AA:BB:CC").with_bridge(value)


@pytest.mark.parametrize(
    "given_", [{"gw": "192.0.2.1"}, {"ip": "dhcp", "gw": "192.0.2.1"}, {"ip6": "auto", "gw6": "2001:db8::1"}]
)
def test_a_gateway_without_an_address_is_refused(given_: dict[str, str]) -> None:
    with pytest.raises(Refused, match="gateway"):
        IpConfig.of(**given_)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("192.0.2.5/32", "192.0.2.5"),
        ("192.0.2.5", "192.0.2.5"),
        ("192.0.2.5/24", "192.0.2.0/24"),
        ("2001:DB8:0::1/128", "2001:db8::1"),
    ],
)
def test_addresses_are_compared_as_proxmox_stores_them(text: str, normal: str) -> None:
    assert normal_cidr(text) == normal


MARKS = st.builds(Mark, st.uuids().map(str), st.uuids().map(str))


@given(st.text(max_size=300), MARKS)
def test_a_stamp_is_found_and_other_text_stays(text: str, mark: Mark) -> None:
    once = stamped(text, mark)
    assert find_mark(once) == mark
    assert text.strip("\n") in once or "kvmtui" in text
    assert stamped(once, mark) == once


@given(MARKS, MARKS)
def test_stamping_replaces_an_older_mark(old: Mark, new: Mark) -> None:
    text = stamped(stamped("made for Alice\nsee ticket", old), new)
    assert text == f"{new.line}\nmade for Alice\nsee ticket"
    both = f"{old.line}\n{new.line}"
    assert find_mark(both) == (new if old == new else None)


def test_a_mark_inside_a_sentence_is_not_a_mark() -> None:
    line = Mark("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222").line
    assert find_mark(f"this used to be {line}") is None
    assert find_mark(f"{line} no more") is None
    assert find_mark(f"notes\r\n{line}\r\n") is not None
