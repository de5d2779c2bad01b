"""The minimal diff: what is wanted comes true, what is foreign stays, and the second plan is empty."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dns.plan import ChangeKind, RecordChange, ZonePlan, make_plan
from engine.dns.records import LedgerEntry, LiveRecord, Record, address_record, pointer_record
from engine.errors import Refused

VM = Record("vm.example.com", "A", "192.0.2.10")
OLD = Record("vm.example.com", "A", "192.0.2.9")
THEIRS = Record("vm.example.com", "A", "198.51.100.1", 3600)


def signs(plan: ZonePlan) -> list[str]:
    return [line[0] for line in plan.lines()]


def test_records_that_mean_the_same_are_equal() -> None:
    assert Record("VM.Example.com.", "aaaa", "2001:0DB8::0010") == Record(
        "vm.example.com", "AAAA", "2001:db8::10"
    )
    assert Record("a.arpa", "PTR", "VM.Example.com.") == Record("a.arpa", "PTR", "vm.example.com")
    assert Record("a.b", "TXT", "Case Counts") != Record("a.b", "TXT", "case counts")
    assert Record("a.b", "A", "not an address").content == "not an address"


def test_a_wanted_record_is_checked() -> None:
    assert address_record("vm.example.com", "2001:DB8::1").type == "AAAA"
    assert pointer_record("10.0/26.2.0.192.in-addr.arpa", "VM.example.com.").content == "vm.example.com"
    for wrong in (
        lambda: address_record("vm.example.com", "1.2.3"),
        lambda: pointer_record("a.arpa", "localhost"),
    ):
        with pytest.raises(Refused):
            wrong()
    with pytest.raises(Refused, match="60 to 86400"):
        address_record("vm.example.com", "192.0.2.1", ttl=5)


def test_an_empty_zone_gets_what_is_wanted() -> None:
    assert make_plan([VM], [], []).lines() == ["+ vm.example.com A 192.0.2.10"]


def test_what_stands_is_kept() -> None:
    plan = make_plan([VM], [LiveRecord(VM)], [LedgerEntry(VM)])
    assert signs(plan) == ["="]
    assert not plan.writes


def test_a_changed_address_is_replaced_not_deleted() -> None:
    plan = make_plan([VM], [LiveRecord(OLD, "7")], [LedgerEntry(OLD, "7")])
    assert plan.lines() == ["~ vm.example.com A 192.0.2.10 (was 192.0.2.9)"]
    assert plan.writes[0].old == LiveRecord(OLD, "7")


def test_a_changed_ttl_is_a_replacement() -> None:
    plan = make_plan([VM], [LiveRecord(replace(VM, ttl=3600))], [LedgerEntry(VM)])
    assert plan.lines() == ["~ vm.example.com A 192.0.2.10 (TTL was 3600)"]


def test_ours_goes_when_no_longer_wanted() -> None:
    assert make_plan([], [LiveRecord(OLD)], [LedgerEntry(OLD)]).lines() == ["- vm.example.com A 192.0.2.9"]


def test_the_foreign_is_reported_and_left() -> None:
    plan = make_plan([], [LiveRecord(OLD), LiveRecord(THEIRS)], [LedgerEntry(OLD)])
    assert signs(plan) == ["-", "!"]
    assert plan.writes[0].record == OLD


def test_a_record_changed_behind_our_back_is_foreign() -> None:
    changed = LiveRecord(replace(OLD, content="198.51.100.7"), "7")
    plan = make_plan([], [changed], [LedgerEntry(OLD, "7")])
    assert signs(plan) == ["!"]
    assert plan.gone == (LedgerEntry(OLD, "7"),)


def test_an_equal_record_that_is_not_ours_serves_and_stays_foreign() -> None:
    plan = make_plan([VM], [LiveRecord(VM)], [])
    assert (signs(plan), plan.changes[0].ours) == (["="], False)
    assert not make_plan([], [LiveRecord(VM)], []).writes


def test_of_two_equal_records_one_entry_claims_the_one_of_its_id() -> None:
    plan = make_plan([], [LiveRecord(VM, "4"), LiveRecord(VM, "5")], [LedgerEntry(VM, "5")])
    assert [change.old.id for change in plan.writes if change.old] == ["5"]


def test_a_record_set_shared_with_others_keeps_their_ttl() -> None:
    plan = make_plan([VM], [LiveRecord(THEIRS)], [])
    assert plan.writes[0].record.ttl == 3600
    after = [LiveRecord(THEIRS), LiveRecord(plan.writes[0].record)]
    assert not make_plan([VM], after, [LedgerEntry(VM)]).writes


def test_a_proxied_record_is_not_fought_over_its_ttl() -> None:
    assert not make_plan([VM], [LiveRecord(replace(VM, ttl=1), proxied=True)], [LedgerEntry(VM)]).writes


def test_a_disabled_record_is_reported() -> None:
    assert signs(make_plan([VM], [LiveRecord(VM, disabled=True)], [LedgerEntry(VM)])) == ["!"]


def test_a_foreign_cname_at_a_host_is_a_conflict() -> None:
    alias = LiveRecord(Record("vm.example.com", "CNAME", "www.example.org"))
    plan = make_plan([VM], [alias], [])
    assert len(plan.conflicts) == 1
    assert not plan.writes


def test_a_pointer_behind_a_delegating_cname_is_no_conflict() -> None:
    wanted = Record("10.2.0.192.in-addr.arpa", "PTR", "vm.example.com")
    alias = LiveRecord(Record(wanted.name, "CNAME", "10.0/26.2.0.192.in-addr.arpa"))
    plan = make_plan([wanted], [alias], [])
    assert not plan.conflicts
    assert not plan.writes
    assert "delegated" in plan.lines()[0]


# --- properties ---

RECORDS = st.builds(
    Record,
    st.sampled_from(["vm1.example.com", "vm2.example.com"]),
    st.sampled_from(["A"]),
    st.sampled_from([f"192.0.2.{n}" for n in range(1, 6)]),
    st.sampled_from([300, 3600]),
)
SETS = st.lists(RECORDS, max_size=6, unique_by=lambda record: record.identity)


def carry_out(plan: ZonePlan, live: list[LiveRecord]) -> list[LiveRecord]:
    """What an obedient provider makes of the plan."""
    after = list(live)
    for change in plan.writes:
        if change.old is not None:
            after.remove(change.old)
        if change.kind is not ChangeKind.DELETE:
            after.append(LiveRecord(change.record, f"new-{change.record}"))
    return after


def new_ledger(plan: ZonePlan, ledger: list[LedgerEntry]) -> list[LedgerEntry]:
    kept = [entry for entry in ledger if entry not in plan.gone]
    for change in plan.writes:
        if change.old is not None:
            kept = [entry for entry in kept if entry.record.identity != change.old.record.identity]
        if change.kind is not ChangeKind.DELETE:
            kept.append(LedgerEntry(change.record))
    return kept


@given(SETS, SETS, SETS)
def test_the_plan_makes_wanted_true_and_leaves_the_foreign(
    wanted: list[Record], standing: list[Record], written: list[Record]
) -> None:
    live = [LiveRecord(record, str(at)) for at, record in enumerate(standing)]
    ledger = [LedgerEntry(record) for record in written]
    ours = {entry.record.identity for entry in ledger}
    foreign = {found.record.identity for found in live if found.record.identity not in ours}
    names = {record.key for record in wanted} | {entry.record.key for entry in ledger}
    plan = make_plan(wanted, live, ledger)
    after = carry_out(plan, live)
    touched = {found.record.identity for found in after if found.record.key in names}
    bystanders = {identity for identity in foreign if identity[:2] in names}
    assert touched == {record.identity for record in wanted} | bystanders
    assert {found for found in live if found.record.identity in foreign} <= set(after)
    second = make_plan(wanted, after, new_ledger(plan, ledger))
    assert second.writes == ()


@given(SETS, SETS, SETS)
def test_nothing_foreign_is_ever_deleted_or_replaced(
    wanted: list[Record], standing: list[Record], written: list[Record]
) -> None:
    live = [LiveRecord(record, str(at)) for at, record in enumerate(standing)]
    ours = {record.identity for record in written}
    for change in make_plan(wanted, live, [LedgerEntry(record) for record in written]).writes:
        assert change.old is None or change.old.record.identity in ours


@given(SETS, SETS)
def test_the_plan_is_as_small_as_it_can_be(wanted: list[Record], written: list[Record]) -> None:
    live = [LiveRecord(record, str(at)) for at, record in enumerate(written)]
    writes = make_plan(wanted, live, [LedgerEntry(record) for record in written]).writes
    for key in {change.record.key for change in writes}:
        here: list[RecordChange] = [change for change in writes if change.record.key == key]
        kinds = {change.kind for change in here}
        assert not {ChangeKind.CREATE, ChangeKind.DELETE} <= kinds
