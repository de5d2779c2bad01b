"""HestiaCP: statuses that mislead, ids that come back, records that double."""

from __future__ import annotations

import pytest

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.records import LiveRecord, Record
from kvmtui.lab.dns.hestia import FakeKey
from kvmtui.lab.dns.server import FakeResponse
from tests.dns.bench import (
    FORWARD,
    KEY_ID,
    KEY_SECRET,
    PASSWORD,
    QUICK,
    REVERSE,
    REVERSE6,
    HestiaBench,
    create,
    remove,
    swap,
)

VM = f"vm1.{FORWARD}"
BOTH = pytest.mark.parametrize("by_key", [True, False], ids=["access key", "password"])


@BOTH
def test_create_replace_delete(hestia: HestiaBench, by_key: bool) -> None:
    provider = hestia.open(by_key=by_key)
    made = provider.apply([create(VM, "A", "192.0.2.10"), create(VM, "AAAA", "2001:db8::10")])
    assert [(result.ok, result.id) for result in made] == [(True, "4"), (True, "5")]
    live = provider.read([(VM, "A")])
    assert live[0].record == Record(VM, "A", "192.0.2.10", 300)
    assert provider.apply([swap(live[0], "192.0.2.11", ttl=600)])[0].ok
    assert hestia.fake.contents(FORWARD, "vm1", "A") == ["192.0.2.11"]
    live = provider.read([(VM, "A"), (VM, "AAAA")])
    assert all(result.ok for result in provider.apply([remove(found) for found in live]))
    assert len(hestia.fake.panel.rows(FORWARD)) == 3


def test_pointers_get_their_final_dot(hestia: HestiaBench) -> None:
    pointer = create("10." + REVERSE, "PTR", VM)
    assert hestia.open(REVERSE).apply([pointer])[0].ok
    assert hestia.fake.contents(REVERSE, "10", "PTR") == [VM + "."]
    name = "0.1." + "0." * 22 + REVERSE6
    six = hestia.open(REVERSE6)
    assert six.apply([create(name, "PTR", VM)])[0].ok
    assert six.read([(name, "PTR")])[0].record.content == VM


def test_nothing_is_added_twice(hestia: HestiaBench) -> None:
    provider = hestia.open()
    for _ in range(2):
        assert provider.apply([create(VM, "A", "192.0.2.10")])[0].ok
    assert hestia.fake.contents(FORWARD, "vm1", "A") == ["192.0.2.10"]


def test_addresses_are_compared_not_spelled(hestia: HestiaBench) -> None:
    provider = hestia.open()
    hestia.fake.panel.users["admin"][FORWARD].rows.append(
        {"RECORD": "vm1", "TYPE": "AAAA", "VALUE": "2001:0DB8:0::0010", "ID": "9", "TTL": "300"}
    )
    result = provider.apply([create(VM, "AAAA", "2001:db8::10")])[0]
    assert (result.ok, result.id) == (True, "9")


def test_an_id_that_went_to_another_record_is_not_deleted(hestia: HestiaBench) -> None:
    provider = hestia.open()
    ours = provider.apply([create(VM, "A", "192.0.2.10")])[0]
    rows = hestia.fake.panel.users["admin"][FORWARD].rows
    rows[-1] = {**rows[-1], "RECORD": "mail", "VALUE": "198.51.100.1"}
    result = provider.apply([remove(LiveRecord(ours.change.record, ours.id))])[0]
    assert result.ok
    assert hestia.fake.contents(FORWARD, "mail", "A") == ["198.51.100.1"]
    assert "v-delete-dns-record" not in hestia.fake.commands()


def test_the_name_server_is_reloaded_once(hestia: HestiaBench) -> None:
    hestia.open().apply([create(f"vm{n}.{FORWARD}", "A", f"192.0.2.{n}") for n in range(1, 6)])
    assert hestia.fake.panel.restarts == 1


def test_the_name_server_is_reloaded_when_the_last_change_fails(hestia: HestiaBench) -> None:
    changes = [create(VM, "A", "192.0.2.1"), create(f"vm2.{FORWARD}", "A", "192.0.2.300")]
    results = hestia.open().apply(changes)
    assert [result.ok for result in results] == [True, False]
    assert hestia.fake.panel.restarts == 1


@BOTH
def test_a_failure_under_http_200_is_a_failure(hestia: HestiaBench, by_key: bool) -> None:
    names = (VM, "192.0.2.300"), ("vm.example.org", "192.0.2.1"), (VM, "192.0.2.1")
    results = hestia.open(by_key=by_key).apply([create(name, "A", address) for name, address in names])
    assert [result.kind for result in results] == [DnsErrorKind.PERMANENT, DnsErrorKind.PERMANENT, None]
    assert "code 2" in results[0].sentence


def test_the_last_address_of_a_zone_stays(hestia: HestiaBench) -> None:
    provider = hestia.open()
    live = provider.read([(f"ns1.{FORWARD}", "A")])
    result = provider.apply([remove(live[0])])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.PERMANENT)
    assert "last record of its type" in result.sentence


@BOTH
def test_a_full_package_is_reported(hestia: HestiaBench, by_key: bool) -> None:
    hestia.fake.panel.most_records = 3
    result = hestia.open(by_key=by_key).apply([create(VM, "A", "192.0.2.1")])[0]
    assert "limit of the user's package" in result.sentence


def test_a_suspended_zone_is_reported(hestia: HestiaBench) -> None:
    hestia.fake.panel.users["admin"][FORWARD].suspended = True
    assert "suspended" in hestia.open().test().sentence
    assert hestia.open().apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.PERMISSION


def test_a_record_that_vanishes_at_once_is_not_called_done(hestia: HestiaBench) -> None:
    provider = hestia.open()
    fields = "returncode=yes"
    real = hestia.fake.answer

    def swallow(request):  # type: ignore[no-untyped-def]
        if b"v-add-dns-record" in request.body:
            assert fields in request.body.decode()
            return FakeResponse(200, b"0")
        return real(request)

    hestia.fake.answer = swallow  # type: ignore[method-assign]
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.TRANSIENT)


# --- who gets in ---


@BOTH
def test_a_good_zone_tests_well(hestia: HestiaBench, by_key: bool) -> None:
    report = hestia.open(by_key=by_key).test()
    assert report.ok, report.sentence
    assert [check.name for check in report.checks] == ["reach", "key", "zone", "permission"]
    assert len(hestia.fake.panel.rows(FORWARD)) == 3


@BOTH
def test_a_wrong_secret_is_reported_and_kept(hestia: HestiaBench, by_key: bool) -> None:
    provider = hestia.open(by_key=by_key, secret="wrong-secret-9")
    report = provider.test()
    assert (report.ok, report.checks[-1].name) == (False, "key")
    assert "wrong-secret-9" not in report.sentence
    with pytest.raises(ProviderError) as refusal:
        provider.read([(VM, "A")])
    assert refusal.value.kind is DnsErrorKind.AUTH


def test_a_zone_of_another_user_is_reported(hestia: HestiaBench) -> None:
    report = hestia.open("bob.example").test()
    assert "belongs to the user bob" in report.sentence
    result = hestia.open("bob.example").apply([create("vm.bob.example", "A", "192.0.2.1")])[0]
    assert result.kind is DnsErrorKind.MISSING_ZONE


@BOTH
def test_a_missing_zone_is_reported(hestia: HestiaBench, by_key: bool) -> None:
    provider = hestia.open("absent.example", by_key=by_key)
    assert "has no zone absent.example" in provider.test().sentence
    assert (
        provider.apply([create("vm.absent.example", "A", "192.0.2.1")])[0].kind is DnsErrorKind.MISSING_ZONE
    )


def test_a_key_without_the_writing_commands_is_reported(hestia: HestiaBench) -> None:
    allowed = frozenset({"v-list-dns-domains", "v-list-dns-records"})
    hestia.fake.switches.keys[KEY_ID] = FakeKey(KEY_SECRET, allowed)
    report = hestia.open().test()
    assert (report.ok, report.checks[-1].name) == (False, "permission")
    assert "v-add-dns-record" in report.sentence
    assert hestia.open().apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.PERMISSION


@pytest.mark.parametrize("switch", ["api", "disabled", "removed"])
def test_an_api_that_is_off_is_reported(hestia: HestiaBench, switch: str) -> None:
    setattr(hestia.fake.switches, switch, switch != "api")
    report = hestia.open(by_key=False).test()
    assert not report.ok
    assert "Server Settings" in report.sentence or "HestiaCP panel" in report.sentence


@BOTH
def test_an_address_that_is_not_allowed_is_reported(hestia: HestiaBench, by_key: bool) -> None:
    hestia.fake.switches.allow_all = False
    report = hestia.open(by_key=by_key).test()
    assert "not allowed" in report.sentence
    assert report.checks[-1].name == "permission"


def test_a_zone_that_vanishes_stops_the_rest(hestia: HestiaBench) -> None:
    provider = hestia.open()
    del hestia.fake.panel.users["admin"][FORWARD]
    results = provider.apply([create(f"vm{n}.{FORWARD}", "A", "192.0.2.1") for n in range(5)])
    assert {result.kind for result in results} == {DnsErrorKind.MISSING_ZONE}
    assert len(hestia.fake.requests) == 1


def test_a_lost_answer_is_unsure_and_not_sent_again(hestia: HestiaBench) -> None:
    provider = hestia.open(timing=QUICK)
    real = hestia.fake.answer

    def lose(request):  # type: ignore[no-untyped-def]
        reply = real(request)
        if b"v-add-dns-record" in request.body:
            hestia.fake.faults.lose_answers = 1
        return reply

    hestia.fake.answer = lose  # type: ignore[method-assign]
    assert provider.apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.TRANSIENT
    assert hestia.fake.commands().count("v-add-dns-record") == 1
    assert provider.apply([create(VM, "A", "192.0.2.1")])[0].ok
    assert hestia.fake.contents(FORWARD, "vm1", "A") == ["192.0.2.1"]


def test_the_password_is_in_no_repr(hestia: HestiaBench) -> None:
    provider = hestia.open(by_key=False)
    assert PASSWORD not in repr(provider) + repr(vars(provider)["_api"])
