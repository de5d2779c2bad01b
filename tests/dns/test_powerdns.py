"""PowerDNS: the real server, asked afterwards by real DNS queries."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.plan import make_plan
from engine.dns.providers.powerdns import PowerDns
from engine.dns.query import NameServer, ask, forward_confirmed
from engine.dns.records import LedgerEntry, LiveRecord, Record
from tests.dns.bench import CLASSLESS, FORWARD, QUICK, REVERSE, REVERSE6, create, remove, swap
from tests.dns.powerdns_server import PowerDnsServer

Opener = Callable[..., PowerDns]
VM = f"vm1.{FORWARD}"


def live_at(provider: PowerDns, name: str, kind: str) -> list[LiveRecord]:
    return provider.read([(name, kind)])


def test_records_of_a_vm_are_written_and_served(open_pdns: Opener, name_server: NameServer) -> None:
    changes = [create(VM, "A", "192.0.2.10"), create(VM, "AAAA", "2001:db8::10")]
    assert all(result.ok for result in open_pdns().apply(changes))
    pointer = create("10.2.0.192.in-addr.arpa", "PTR", VM)
    assert open_pdns(REVERSE).apply([pointer])[0].ok
    six = create("0.1." + "0." * 22 + REVERSE6, "PTR", VM)
    assert open_pdns(REVERSE6).apply([six])[0].ok
    assert ask(VM, "A", name_server).contents == ("192.0.2.10",)
    assert ask(VM, "AAAA", name_server).authoritative
    for address in ("192.0.2.10", "2001:db8::10"):
        both = forward_confirmed(address, VM, reverse=name_server, forward=name_server)
        assert both.ok, both.sentence


def test_a_classless_zone_serves_behind_the_parents_cname(
    open_pdns: Opener, pdns: PowerDnsServer, name_server: NameServer
) -> None:
    parent = "113.0.203.in-addr.arpa"
    pdns.drop_zone(parent)
    pdns.add_zone(parent)
    pdns.put(parent, f"10.{parent}", "CNAME", f"10.{CLASSLESS}.")
    provider = open_pdns(CLASSLESS)
    assert provider.test().ok
    assert provider.apply([create(f"10.{CLASSLESS}", "PTR", VM)])[0].ok
    assert ask(f"10.{parent}", "PTR", name_server).contents == (VM,)
    clash = open_pdns(parent).apply([create(f"10.{parent}", "PTR", VM)])[0]
    assert (clash.ok, clash.kind) == (False, DnsErrorKind.CONFLICT)
    assert "Conflicts with pre-existing RRset" in clash.sentence


def test_records_of_others_in_the_set_stay(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.put(FORWARD, VM, "A", "198.51.100.1")
    provider = open_pdns()
    mine = create(VM, "A", "192.0.2.10", ttl=3600)
    assert provider.apply([mine])[0].ok
    assert pdns.rows(VM) == [("A", "192.0.2.10", 0), ("A", "198.51.100.1", 0)]
    assert provider.apply([remove(LiveRecord(mine.record))])[0].ok
    assert pdns.rows(VM) == [("A", "198.51.100.1", 0)]


def test_switched_off_records_and_comments_of_others_stay(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    off = {"records": [{"content": "198.51.100.1", "disabled": True}]}
    comments = [{"content": "mine", "account": "somebody"}]
    pdns.put(FORWARD, VM, "A", comments=comments, **off)
    assert open_pdns().apply([create(VM, "A", "192.0.2.10")])[0].ok
    assert pdns.rows(VM) == [("A", "192.0.2.10", 0), ("A", "198.51.100.1", 1)]
    zone = pdns.call("GET", f"/zones/{FORWARD}.").json()
    assert [s["comments"][0]["content"] for s in zone["rrsets"] if s["name"] == VM + "."] == ["mine"]


def test_a_record_that_is_switched_off_is_seen(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.put(FORWARD, VM, "A", records=[{"content": "192.0.2.10", "disabled": True}])
    found = live_at(open_pdns(), VM, "A")
    assert [live.disabled for live in found] == [True]


def test_a_replacement_leaves_no_gap_and_no_rest(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    provider = open_pdns()
    first = create(VM, "A", "192.0.2.10")
    provider.apply([first])
    assert provider.apply([swap(LiveRecord(first.record), "192.0.2.11")])[0].ok
    assert pdns.rows(VM) == [("A", "192.0.2.11", 0)]


def test_what_stands_already_is_not_written_again(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    provider = open_pdns()
    provider.apply([create(VM, "A", "192.0.2.10")])
    serial = pdns.serial(FORWARD)
    assert provider.apply([create(VM, "A", "192.0.2.10")])[0].ok
    assert pdns.serial(FORWARD) == serial


def test_a_record_changed_by_somebody_is_not_overwritten(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.put(FORWARD, VM, "A", "198.51.100.1")
    stale = LiveRecord(Record(VM, "A", "192.0.2.10"))
    result = open_pdns().apply([swap(stale, "192.0.2.11"), remove(stale)])
    assert [(r.ok, r.kind) for r in result] == [(False, DnsErrorKind.CONFLICT), (True, None)]
    assert pdns.rows(VM) == [("A", "198.51.100.1", 0)]


def test_the_bad_record_of_a_batch_is_named_and_the_others_written(
    open_pdns: Opener, pdns: PowerDnsServer
) -> None:
    changes = [create(f"vm{n}.{FORWARD}", "A", f"192.0.2.{n}") for n in range(1, 30)]
    changes[7] = create(f"vm8.{FORWARD}", "A", "192.0.2.300")
    changes[20] = create(f"vm21.{FORWARD}", "FOO", "x")
    changes[21] = create("vm.example.org", "A", "192.0.2.1")
    results = open_pdns().apply(changes)
    bad = [(at, result.kind) for at, result in enumerate(results) if not result.ok]
    assert bad == [(7, DnsErrorKind.PERMANENT), (20, DnsErrorKind.PERMANENT), (21, DnsErrorKind.PERMANENT)]
    assert "unable to parse IP address" in results[7].sentence
    assert "outside of the zone" in results[21].sentence
    assert sum(bool(pdns.rows(f"vm{n}.{FORWARD}")) for n in range(1, 30)) == 26


def test_many_records_go_in_few_calls(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    serial = pdns.serial(FORWARD)
    changes = [create(f"vm{n}.{FORWARD}", "A", f"10.0.{n >> 8}.{n & 255}") for n in range(1200)]
    provider = open_pdns()
    assert all(result.ok for result in provider.apply(changes))
    assert pdns.serial(FORWARD) - serial == 3
    live = provider.read([change.record.key for change in changes])
    assert {found.record for found in live} == {change.record for change in changes}


def test_reading_finds_cnames_too(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.put(FORWARD, VM, "CNAME", "www.example.org.")
    found = live_at(open_pdns(), VM, "A")
    assert [live.record.type for live in found] == ["CNAME"]
    plan = make_plan([Record(VM, "A", "192.0.2.1")], found, [])
    assert len(plan.conflicts) == 1


def test_plan_read_and_write_end_in_an_empty_plan(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.put(FORWARD, VM, "A", "198.51.100.1", ttl=1800)
    wanted = [Record(VM, "A", "192.0.2.10"), Record(f"vm2.{FORWARD}", "AAAA", "2001:db8::2")]
    provider = open_pdns()
    keys = [record.key for record in wanted]
    plan = make_plan(wanted, provider.read(keys), [])
    results = provider.apply(plan.writes)
    ledger = [LedgerEntry(result.change.record, result.id) for result in results if result.ok]
    again = make_plan(wanted, provider.read(keys), ledger)
    assert [str(change)[0] for change in again.changes] == ["=", "!", "="]


# --- what goes wrong ---


def test_a_good_zone_tests_well(open_pdns: Opener) -> None:
    report = open_pdns().test()
    assert report.ok
    assert [check.name for check in report.checks] == ["reach", "key", "zone", "permission"]


def test_a_wrong_key_is_reported(open_pdns: Opener) -> None:
    provider = open_pdns(key="wrong-key-12345")
    report = provider.test()
    assert (report.ok, report.checks[-1].name) == (False, "key")
    assert "Unauthorized" in report.sentence
    assert "wrong-key-12345" not in report.sentence
    with pytest.raises(ProviderError) as refusal:
        provider.read([(VM, "A")])
    assert refusal.value.kind is DnsErrorKind.AUTH
    assert provider.apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.AUTH


def test_a_missing_zone_is_reported(open_pdns: Opener) -> None:
    provider = open_pdns("absent.example")
    report = provider.test()
    assert report.checks[-1].name == "zone"
    assert "has no zone absent.example" in report.sentence
    assert (
        provider.apply([create("vm.absent.example", "A", "192.0.2.1")])[0].kind is DnsErrorKind.MISSING_ZONE
    )


def test_a_zone_that_vanishes_is_reported_and_found_again(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    provider = open_pdns()
    provider.apply([create(VM, "A", "192.0.2.1")])
    pdns.drop_zone(FORWARD)
    assert provider.apply([create(VM, "A", "192.0.2.2")])[0].kind is DnsErrorKind.MISSING_ZONE
    pdns.add_zone(FORWARD)
    assert provider.apply([create(VM, "A", "192.0.2.2")])[0].ok


def test_a_secondary_zone_is_not_written(open_pdns: Opener, pdns: PowerDnsServer) -> None:
    pdns.drop_zone("copy.example")
    copy = {"name": "copy.example.", "kind": "Slave", "masters": ["127.0.0.1:1"], "nameservers": []}
    answer = pdns.call("POST", "/zones", copy)
    assert answer.status_code == 201, answer.text
    report = open_pdns("copy.example").test()
    assert (report.ok, report.checks[-1].name) == (False, "permission")


def test_a_server_that_is_not_there_is_reported(open_pdns: Opener) -> None:
    provider = open_pdns(url="http://127.0.0.1:1", timing=QUICK)
    report = provider.test()
    assert (report.ok, report.checks[-1].name) == (False, "reach")
    assert "cannot be reached" in report.sentence
    began = time.monotonic()
    assert provider.apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.TRANSIENT
    assert time.monotonic() - began < 5
