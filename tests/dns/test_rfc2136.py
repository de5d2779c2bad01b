"""RFC 2136 against a real BIND: what is written, what is left, and every refusal."""

from __future__ import annotations

import base64
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.dns import sync, wire
from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.plan import make_plan
from engine.dns.provider import Provider, Timing
from engine.dns.providers import rfc2136
from engine.dns.records import LedgerEntry, LiveRecord, Record
from engine.dns.sender import DnsSender
from engine.errors import Refused
from engine.forms import zone_form
from engine.store import secrets
from engine.store.models import Address, Client, DnsRecord, Product, Server, Service, Vm, Zone
from tests.conftest import Store
from tests.dns.bench import CLASSLESS, FORWARD, QUICK, REVERSE, REVERSE6, create, opened, remove, swap
from tests.dns.bind_server import KEY_NAME, BindServer

VM = f"vm1.{FORWARD}"
OTHER_SECRET = base64.b64encode(b"x" * 32).decode()
Open = Callable[..., Provider]


@pytest.fixture
def open_bind(bind: BindServer) -> Iterator[Open]:
    kept: list[Provider] = []

    def opener(zone: str = FORWARD, timing: Timing | None = None, **changes: Any) -> Provider:
        values = {"host": "127.0.0.1", "port": bind.port, "key_name": KEY_NAME, "key_secret": bind.key}
        kept.append(opened("rfc2136", timing, zone=zone, **(values | changes)))
        return kept[-1]

    yield opener
    for provider in kept:
        provider.close()


BOTH = pytest.mark.parametrize("tcp", [True, False], ids=["TCP", "UDP"])


# --- writing ---


@BOTH
def test_create_replace_delete(bind: BindServer, open_bind: Open, tcp: bool) -> None:
    provider = open_bind(tcp=tcp)
    made = provider.apply([create(VM, "A", "192.0.2.10"), create(VM, "AAAA", "2001:db8::10")])
    assert all(result.ok for result in made), made
    assert bind.rows(VM, "A") == [("192.0.2.10", 300)]
    live = provider.read([(VM, "A")])
    assert live == [LiveRecord(Record(VM, "A", "192.0.2.10", 300))]
    assert provider.apply([swap(live[0], "192.0.2.11", ttl=600)])[0].ok
    assert bind.rows(VM, "A") == [("192.0.2.11", 600)]
    live = provider.read([(VM, "A"), (VM, "AAAA")])
    assert all(result.ok for result in provider.apply([remove(found) for found in live]))
    assert bind.contents(VM, "A") == bind.contents(VM, "AAAA") == []


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (REVERSE, f"10.{REVERSE}"),
        (REVERSE6, f"{'0.' * 23}1.{REVERSE6}"),
        (CLASSLESS, f"10.{CLASSLESS}"),
    ],
    ids=["in-addr.arpa", "ip6.arpa", "RFC 2317"],
)
def test_reverse_zones(bind: BindServer, open_bind: Open, zone: str, name: str) -> None:
    provider = open_bind(zone)
    assert provider.apply([create(name, "PTR", VM)])[0].ok
    assert bind.contents(name, "PTR") == [f"{VM}."]
    assert provider.read([(name, "PTR")]) == [LiveRecord(Record(name, "PTR", VM, 300))]
    assert provider.apply([remove(provider.read([(name, "PTR")])[0])])[0].ok
    assert bind.contents(name, "PTR") == []


def test_records_of_others_stay(bind: BindServer, open_bind: Open) -> None:
    bind.put(FORWARD, VM, "A", "198.51.100.1", ttl=900)
    provider = open_bind()
    wanted = [Record(VM, "A", "192.0.2.10")]
    results = provider.apply(make_plan(wanted, provider.read([(VM, "A")]), []).writes)
    assert bind.rows(VM, "A") == [("192.0.2.10", 900), ("198.51.100.1", 900)]
    ledger = [LedgerEntry(results[0].change.record)]
    provider.apply(make_plan([], provider.read([(VM, "A")]), ledger).writes)
    assert bind.contents(VM, "A") == ["198.51.100.1"]


def test_a_record_that_somebody_else_changed_is_not_overwritten(bind: BindServer, open_bind: Open) -> None:
    bind.put(FORWARD, VM, "A", "198.51.100.1")
    stale = LiveRecord(Record(VM, "A", "192.0.2.10"))
    results = open_bind().apply([remove(stale), swap(stale, "192.0.2.11")])
    assert [(each.ok, each.kind) for each in results] == [(True, None), (False, DnsErrorKind.CONFLICT)]
    assert bind.contents(VM, "A") == ["198.51.100.1"]


def test_the_prerequisite_catches_what_changed_between_read_and_update(
    bind: BindServer, open_bind: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = open_bind()
    assert provider.apply([create(VM, "A", "192.0.2.10")])[0].ok
    ours = provider.read([(VM, "A")])[0]
    send = wire.SignedConnection.send
    raced: list[int] = []

    def somebody_is_faster(self: Any, update: Any) -> None:
        raced.append(1)
        bind.put(FORWARD, VM, "A", f"198.51.100.{len(raced)}")
        send(self, update)

    monkeypatch.setattr(wire.SignedConnection, "send", somebody_is_faster)
    result = provider.apply([swap(ours, "192.0.2.11")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.CONFLICT) and len(raced) == 1
    assert bind.contents(VM, "A") == ["198.51.100.1"]
    name = f"vm2.{FORWARD}"
    monkeypatch.setattr(wire.SignedConnection, "send", send)
    bind.put(FORWARD, name, "CNAME", "elsewhere.example.")
    result = provider.apply([create(name, "A", "192.0.2.2")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.CONFLICT), "an A beside a CNAME counts as written"


def test_the_bad_record_of_an_update_is_named_and_the_others_are_written(
    bind: BindServer, open_bind: Open
) -> None:
    bind.put(FORWARD, f"vm5.{FORWARD}", "CNAME", "elsewhere.example.")
    changes = [create(f"vm{n}.{FORWARD}", "A", f"192.0.2.{n}") for n in range(1, 21)]
    changes[15] = create("vm.example.org", "A", "192.0.2.1")
    results = open_bind().apply(changes)
    bad = {at: result.kind for at, result in enumerate(results) if not result.ok}
    assert bad == {4: DnsErrorKind.CONFLICT, 15: DnsErrorKind.PERMANENT}
    assert bind.contents(f"vm20.{FORWARD}", "A") == ["192.0.2.20"]


@pytest.mark.parametrize("zone", [FORWARD, "private.example"], ids=["by transfer", "by questions"])
def test_many_records_go_in_few_updates_and_are_read_back(
    bind: BindServer, open_bind: Open, zone: str
) -> None:
    changes = [create(f"vm{n}.{zone}", "A", f"10.0.{n >> 8}.{n & 255}") for n in range(600)]
    provider = open_bind(zone)
    before = bind.serial(zone)
    assert all(result.ok for result in provider.apply(changes))
    assert bind.serial(zone) == before + 3
    found = provider.read([change.record.key for change in changes])
    assert {each.record for each in found} == {change.record for change in changes}


def test_a_set_that_is_right_already_is_not_written(bind: BindServer, open_bind: Open) -> None:
    provider = open_bind()
    assert provider.apply([create(VM, "A", "192.0.2.10")])[0].ok
    before = bind.serial(FORWARD)
    assert provider.apply([create(VM, "A", "192.0.2.10")])[0].ok
    assert bind.serial(FORWARD) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    theirs=st.sets(st.integers(1, 6), max_size=3),
    ours=st.sets(st.integers(11, 16), max_size=3),
    wanted=st.sets(st.one_of(st.integers(1, 6), st.integers(11, 19)), max_size=4),
)
def test_any_plan_leaves_what_is_wanted_and_what_is_foreign(
    bind: BindServer, open_bind: Open, theirs: set[int], ours: set[int], wanted: set[int]
) -> None:
    def content(numbers: set[int]) -> list[str]:
        return [f"192.0.2.{number}" for number in sorted(numbers)]

    bind.put(FORWARD, VM, "A", *content(theirs | ours))
    provider = open_bind()
    ledger = [LedgerEntry(Record(VM, "A", each)) for each in content(ours)]
    plan = make_plan([Record(VM, "A", each) for each in content(wanted)], provider.read([(VM, "A")]), ledger)
    assert all(result.ok for result in provider.apply(plan.writes))
    assert bind.contents(VM, "A") == sorted(content(theirs | wanted))
    provider.close()


# --- refusals ---


def test_a_zone_that_can_be_written_passes_every_check_and_is_not_touched(
    bind: BindServer, open_bind: Open
) -> None:
    before = bind.serial(FORWARD)
    for tcp in (True, False):
        report = open_bind(tcp=tcp).test()
        assert report.ok and [check.name for check in report.checks] == ["reach", "key", "zone", "permission"]
    assert bind.serial(FORWARD) == before


@BOTH
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key_name": "nobody"}, "BADKEY"),
        ({"key_secret": OTHER_SECRET}, "BADSIG"),
        ({"key_algorithm": "hmac-sha512"}, "BADKEY"),
    ],
)
def test_a_wrong_key_is_reported(
    bind: BindServer, open_bind: Open, changes: dict[str, str], says: str, tcp: bool
) -> None:
    report = open_bind(tcp=tcp, **changes).test()
    assert not report.ok and f"refuses the key: {says}" in report.sentence
    result = open_bind(tcp=tcp, **changes).apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.AUTH)
    assert bind.contents(VM, "A") == []


def test_clocks_that_differ_are_reported(open_bind: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = open_bind()
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.AUTH)
    assert "BADTIME" in result.sentence and "NTP" in result.sentence


@pytest.mark.parametrize(
    ("zone", "changes", "kind", "says"),
    [
        ("frozen.example", {}, DnsErrorKind.PERMISSION, "REFUSED"),
        (FORWARD, {"key_name": "other-key"}, DnsErrorKind.PERMISSION, "REFUSED"),
        ("absent.example", {}, DnsErrorKind.MISSING_ZONE, "It has no zone absent.example"),
        (f"sub.{FORWARD}", {}, DnsErrorKind.MISSING_ZONE, f"not authoritative for sub.{FORWARD}"),
    ],
    ids=["updates are off", "the key may not", "no such zone", "part of another zone"],
)
def test_a_refused_update_is_reported(
    open_bind: Open, zone: str, changes: dict[str, str], kind: DnsErrorKind, says: str
) -> None:
    result = open_bind(zone, **changes).apply([create(f"vm1.{zone}", "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, kind) and says in result.sentence
    report = open_bind(zone, **changes).test()
    assert not report.ok and says in report.sentence
    assert report.checks[-1].name == {DnsErrorKind.PERMISSION: "permission"}.get(kind, "zone")


def test_an_update_that_is_not_for_this_server_is_reported(
    open_bind: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire.SignedConnection, "must_have_zone", lambda self: None)
    monkeypatch.setattr(rfc2136.Rfc2136, "read", lambda self, names: [])
    result = open_bind("absent.example").apply([create("vm1.absent.example", "A", "192.0.2.1")])[0]
    assert (result.kind, "NOTAUTH" in result.sentence) == (DnsErrorKind.MISSING_ZONE, True)


@BOTH
def test_a_silent_server_costs_the_time_for_an_answer(bind: BindServer, open_bind: Open, tcp: bool) -> None:
    provider = open_bind(tcp=tcp, timing=QUICK)
    bind.pause()
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    bind.resume()
    assert (result.kind, result.down) == (DnsErrorKind.TRANSIENT, True)
    assert "timed out" in result.sentence


def test_a_server_that_is_not_there_is_reported(open_bind: Open, bind: BindServer) -> None:
    bind.stop()
    with pytest.raises(ProviderError, match="connection refused") as refusal:
        open_bind().read([(VM, "A")])
    assert refusal.value.down
    with pytest.raises(ProviderError, match="cannot be resolved") as refusal:
        open_bind(host="no-such-host.invalid").read([(VM, "A")])
    assert refusal.value.down


def test_an_answer_without_a_signature_counts_for_nothing(open_bind: Open) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fake:
        fake.bind(("127.0.0.1", 0))

        def answer() -> None:
            wire_bytes, peer = fake.recvfrom(4096)
            question = dns.message.from_wire(wire_bytes, keyring=False, continue_on_error=True)
            reply = dns.message.make_response(dns.message.make_query(question.question[0].name, "SOA"))
            reply.id = question.id
            fake.sendto(reply.to_wire(), peer)

        liar = threading.Thread(target=answer, daemon=True)
        liar.start()
        with pytest.raises(ProviderError, match="without a signature") as refusal:
            open_bind(port=fake.getsockname()[1], tcp=False).read([(VM, "A")])
        assert refusal.value.kind is DnsErrorKind.AUTH
        liar.join(5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"key_secret": "not base64!"}, "key_secret: is not base64"),
        ({"key_secret": ""}, "key_secret: must not be empty"),
        ({"key_algorithm": "hmac-md5"}, "key_algorithm"),
        ({"host": "http://ns1"}, "host: "),
        ({"port": 0}, "port: "),
        ({"timeout": 60}, "timeout: "),
    ],
)
def test_a_zone_that_cannot_be_meant_is_refused(changes: dict[str, object], says: str) -> None:
    values = {"type": "rfc2136", "zone": FORWARD, "host": "ns1.example.net", "key_name": "k"}
    with pytest.raises(Refused, match=says):
        zone_form({**values, "key_secret": OTHER_SECRET, **changes})


# --- the whole way ---


def test_a_vm_gets_and_loses_its_names(sqlite_store: Store, bind: BindServer) -> None:
    for name in (FORWARD, REVERSE, REVERSE6):
        uid = str(uuid.uuid4())
        config = {"host": "127.0.0.1", "port": bind.port, "key_name": KEY_NAME}
        sealed = {"key_secret": secrets.seal(bind.key, "zone", uid, "key_secret")}
        Zone.create(uid=uid, name=name, type="rfc2136", endpoint="e", config=config, secrets=sealed)
    cluster = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
    service = Service.create(
        client=Client.create(name="Acme"), product=Product.create(name="P", server=cluster, spec={})
    )
    vm = Vm.create(uid="v", service=service, server=cluster, name="vm1", domain=FORWARD)
    for place, one in enumerate(("192.0.2.10", "2001:db8:1::10")):
        Address.create(
            server=cluster, bridge="vmbr0", address=ip_address(one), vm=vm, position=place, prefix=24
        )
    sender = DnsSender()
    sender.start()
    try:
        report = sync.sync([vm], 30)[vm.id]
        assert report.errors == 0 and report.lines[0] == f"fwd OK  {VM} A 192.0.2.10 @ {FORWARD}/RFC 2136"
        assert bind.contents(VM, "A") == ["192.0.2.10"] and bind.contents(VM, "AAAA") == ["2001:db8:1::10"]
        assert bind.contents(f"10.{REVERSE}", "PTR") == [f"{VM}."]
        assert all(line.startswith("=") for line in sync.preview(vm))
        assert sync.clear([vm], 30)[vm.id].errors == 0
        assert bind.contents(VM, "A") == bind.contents(f"10.{REVERSE}", "PTR") == []
        assert DnsRecord.select().count() == 0
    finally:
        sender.stop(10)
