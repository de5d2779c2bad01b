"""Cloudflare: batches, ids, the call budget, and every refusal by its code."""

from __future__ import annotations

import pytest

from engine.dns.budget import TokenBucket, bucket_of
from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.plan import make_plan
from engine.dns.records import LedgerEntry, LiveRecord, Record
from kvmtui.lab.dns.cloudflare import FakeToken
from kvmtui.lab.dns.server import FakeResponse, json_answer
from tests.dns.bench import FORWARD, QUICK, CloudflareBench, create, remove, swap

VM = f"vm1.{FORWARD}"


def test_create_replace_delete(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open()
    made = provider.apply([create(VM, "A", "192.0.2.10"), create(VM, "AAAA", "2001:db8::10")])
    assert all(result.ok and result.id for result in made)
    row = cloudflare.fake.zones[cloudflare.zone_id].records[made[0].id]
    assert (row["proxied"], row["ttl"], row["name"]) == (False, 300, VM)
    live = provider.read([(VM, "A")])
    changed = provider.apply([swap(live[0], "192.0.2.11")])
    assert changed[0].id == made[0].id
    live = provider.read([(VM, "A"), (VM, "AAAA")])
    assert all(result.ok for result in provider.apply([remove(found) for found in live]))
    assert provider.read([(VM, "A"), (VM, "AAAA")]) == []


def test_proxying_is_always_ruled_out_in_words(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open()
    provider.apply([create(VM, "A", "192.0.2.10")])
    provider.apply([swap(provider.read([(VM, "A")])[0], "192.0.2.11")])
    batches = [request.json() for request in cloudflare.fake.requests if request.path.endswith("/batch")]
    sent = [item for batch in batches for name in ("posts", "patches") for item in batch.get(name, [])]
    assert [item["proxied"] for item in sent] == [False, False]


def test_records_of_others_stay(cloudflare: CloudflareBench) -> None:
    theirs = cloudflare.fake.put(cloudflare.zone_id, "A", VM, "198.51.100.1", ttl=3600)
    provider = cloudflare.open()
    wanted = [Record(VM, "A", "192.0.2.10")]
    results = provider.apply(make_plan(wanted, provider.read([(VM, "A")]), []).writes)
    ledger = [LedgerEntry(results[0].change.record, results[0].id)]
    assert cloudflare.fake.contents(cloudflare.zone_id, VM, "A") == ["192.0.2.10", "198.51.100.1"]
    provider.apply(make_plan([], provider.read([(VM, "A")]), ledger).writes)
    assert list(cloudflare.fake.zones[cloudflare.zone_id].records) == [theirs]


def test_a_record_that_is_there_already_holds(cloudflare: CloudflareBench) -> None:
    there = cloudflare.fake.put(cloudflare.zone_id, "A", VM, "192.0.2.10")
    result = cloudflare.open().apply([create(VM, "A", "192.0.2.10")])[0]
    assert (result.ok, result.id) == (True, there)


def test_what_is_gone_is_deleted_and_what_was_changed_is_not_overwritten(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.put(cloudflare.zone_id, "A", VM, "198.51.100.1")
    stale = LiveRecord(Record(VM, "A", "192.0.2.10"), "f" * 32)
    results = cloudflare.open().apply([remove(stale), swap(stale, "192.0.2.11")])
    assert [(r.ok, r.kind) for r in results] == [(True, None), (False, DnsErrorKind.CONFLICT)]
    assert cloudflare.fake.contents(cloudflare.zone_id, VM, "A") == ["198.51.100.1"]


def test_the_bad_record_of_a_batch_is_named_and_the_others_written(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.put(cloudflare.zone_id, "CNAME", f"vm5.{FORWARD}", "www.example.org")
    changes = [create(f"vm{n}.{FORWARD}", "A", f"192.0.2.{n}") for n in range(1, 21)]
    changes[10] = create(f"vm11.{FORWARD}", "A", "192.0.2.300")
    changes[15] = create("vm.example.org", "A", "192.0.2.1")
    results = cloudflare.open().apply(changes)
    bad = {at: result.kind for at, result in enumerate(results) if not result.ok}
    assert bad == {4: DnsErrorKind.CONFLICT, 10: DnsErrorKind.PERMANENT, 15: DnsErrorKind.PERMANENT}
    assert "valid IPv4 address" in results[10].sentence
    assert len(cloudflare.fake.zones[cloudflare.zone_id].records) == 18


def test_many_records_go_in_few_calls_and_pages(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.zones[cloudflare.zone_id].quota = 3500
    changes = [create(f"vm{n}.{FORWARD}", "A", f"10.0.{n >> 8}.{n & 255}") for n in range(1100)]
    provider = cloudflare.open()
    assert all(result.ok and result.id for result in provider.apply(changes))
    assert len([r for r in cloudflare.fake.requests if r.path.endswith("/batch")]) == 6
    cloudflare.fake.requests.clear()
    assert len(provider.read([change.record.key for change in changes])) == 1100
    assert len(cloudflare.fake.requests) == 2


def test_a_lost_answer_does_not_write_twice(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open()
    changes = [create(f"vm{n}.{FORWARD}", "A", "192.0.2.1") for n in range(6)]
    provider.read([(VM, "A")])
    cloudflare.fake.faults.next.clear()
    batch = cloudflare.fake.answer
    lost = []

    def lose_first_batch(request):  # type: ignore[no-untyped-def]
        reply = batch(request)
        if request.path.endswith("/batch") and not lost:
            lost.append(request)
            return FakeResponse(503, b"upstream went away")
        return reply

    cloudflare.fake.answer = lose_first_batch  # type: ignore[method-assign]
    results = provider.apply(changes)
    assert all(result.ok and result.id for result in results)
    assert len(lost) == 1
    assert len(cloudflare.fake.zones[cloudflare.zone_id].records) == 6
    assert len([r for r in cloudflare.fake.requests if r.path.endswith("/batch")]) == 2


def test_a_full_plan_is_reported(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.zones[cloudflare.zone_id].quota = 1
    results = cloudflare.open().apply([create(f"vm{n}.{FORWARD}", "A", "192.0.2.1") for n in range(2)])
    assert [result.ok for result in results] == [True, False]
    assert "81045" in results[1].sentence


# --- what zone test says ---


def test_a_good_zone_tests_well(cloudflare: CloudflareBench) -> None:
    report = cloudflare.open().test()
    assert report.ok
    assert [check.name for check in report.checks] == ["reach", "key", "zone", "permission"]


def test_a_wrong_token_is_reported_and_kept_secret(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open(token="not-this-token-1")
    report = provider.test()
    assert (report.ok, report.checks[-1].name) == (False, "key")
    assert "not-this-token-1" not in report.sentence + repr(provider)
    with pytest.raises(ProviderError) as refusal:
        provider.read([(VM, "A")])
    assert refusal.value.kind is DnsErrorKind.AUTH


def test_a_token_that_may_not_edit_is_reported(cloudflare: CloudflareBench) -> None:
    next(iter(cloudflare.fake.tokens.values())).edit = False
    provider = cloudflare.open()
    assert "lacks" in provider.test().sentence
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.PERMISSION)
    assert "Zone / DNS / Edit" in result.sentence


def test_a_spurious_denial_is_tried_again(cloudflare: CloudflareBench) -> None:
    body = {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}], "result": None}
    cloudflare.fake.faults.next.append(json_answer(403, body))
    assert cloudflare.open().read([(VM, "A")]) == []


def test_a_token_for_dns_alone_is_enough(cloudflare: CloudflareBench) -> None:
    next(iter(cloudflare.fake.tokens.values())).read_zone = False
    report = cloudflare.open().test()
    assert report.ok
    assert [check.ok for check in report.checks] == [True, True, None, None]


def test_an_account_token_is_verified_by_its_account(cloudflare: CloudflareBench) -> None:
    token = "cfat_" + "x" * 30
    cloudflare.fake.tokens[token] = FakeToken()
    assert cloudflare.open(token=token, account=cloudflare.fake.account_id).test().ok
    assert cloudflare.open(token=token).test().checks[0].ok is None


def test_the_wrong_zone_id_is_reported(cloudflare: CloudflareBench) -> None:
    other = cloudflare.fake.add_zone("example.org")
    assert "belongs to example.org" in cloudflare.open(zone_id=other).test().sentence
    absent = cloudflare.open(zone_id="0" * 32)
    assert absent.test().checks[-1].name == "zone"
    assert absent.apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.MISSING_ZONE


def test_a_zone_that_vanishes_is_reported(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open()
    provider.apply([create(VM, "A", "192.0.2.1")])
    del cloudflare.fake.zones[cloudflare.zone_id]
    assert provider.apply([create(VM, "A", "192.0.2.2")])[0].kind is DnsErrorKind.MISSING_ZONE


# --- the budget ---


def too_many(seconds: str | None) -> FakeResponse:
    text = "More than 1200 requests per 300 seconds reached. Please wait and consider throttling"
    body = {"success": False, "errors": [{"code": 10300, "message": text}], "messages": [], "result": None}
    return json_answer(429, body, (("Retry-After", seconds),) if seconds else ())


def test_429_is_obeyed_and_tried_again(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.faults.next.append(too_many("0"))
    assert cloudflare.open().read([(VM, "A")]) == []
    assert len(cloudflare.fake.requests) == 2


def test_a_long_429_is_not_waited_for_and_closes_the_budget(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.faults.next.append(too_many("300"))
    provider = cloudflare.open(timing=QUICK)
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.kind, result.retry_after) == (DnsErrorKind.TRANSIENT, 300)
    sent = len(cloudflare.fake.requests)
    again = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert again.retry_after is not None
    assert again.retry_after > 290
    assert len(cloudflare.fake.requests) == sent


def test_what_the_dashboard_used_up_counts_too(cloudflare: CloudflareBench) -> None:
    provider = cloudflare.open()
    cloudflare.fake.calls_left = 2
    provider.read([(VM, "A")])
    assert bucket_of(next(iter(cloudflare.fake.tokens))).left < 3


def test_the_bucket_stays_under_the_limit_of_five_minutes() -> None:
    clock = [0.0]
    bucket = TokenBucket(now=lambda: clock[0])
    calls = 0
    while clock[0] < 300:
        wait = bucket.take()
        if wait:
            clock[0] += wait
        else:
            calls += 1
    assert 1000 < calls <= 1200


def test_500_under_load_is_tried_again(cloudflare: CloudflareBench) -> None:
    cloudflare.fake.faults.next.extend(
        [FakeResponse(502, b"<html>Bad gateway</html>"), FakeResponse(500, b"")]
    )
    assert cloudflare.open().apply([create(VM, "A", "192.0.2.1")])[0].ok
