"""One sender per provider server: nobody waits for a silent one, and nothing that was queued is lost."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from engine.actions.zones import put_zone
from engine.audit import Actor
from engine.dns import answers, ledger, site, sync
from engine.dns.provider import Timing
from engine.dns.sender import DnsSender, Settings, destination_of
from engine.forms import zone_form
from engine.store import secrets
from engine.store.database import session
from engine.store.models import (
    Address,
    Client,
    Destination,
    DnsRecord,
    Event,
    Product,
    Run,
    Server,
    Service,
    Vm,
    Zone,
)
from engine.work import sending
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.dns.server import Answer, Request
from tests.conftest import Store

KEY = "a-key-of-the-lite-server"
FORWARD, REVERSE, OTHER = "example.net", "2.0.192.in-addr.arpa", "example.org"
QUICK = Settings(timing=Timing(connect=1.0, read=0.5, total=3.0), pauses_s=(0.1,), slow_pauses_s=(0.1,))
PATIENT = replace(QUICK, timing=Timing(connect=2.0, read=20.0, total=30.0))
SOON = 20.0
"""Longer than anything here may take; who is not done by then waits for something that never comes."""


class Gated(PowerDnsLite):
    """Holds its answers while the gate is shut, and counts how many are asked for at once."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Semaphore(0)
        self.most = 0
        self._now = 0

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self.asked.release()
        try:
            assert self.gate.wait(SOON)
            return super().answer(request)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def provider() -> Iterator[Gated]:
    with Gated() as server:
        for zone in (FORWARD, REVERSE, OTHER):
            server.add_zone(zone)
        yield server


@pytest.fixture
def neighbour() -> Iterator[Gated]:
    with Gated() as server:
        server.add_zone(REVERSE)
        yield server


def add_zone(server: PowerDnsLite, name: str, ending: str = "") -> Zone:
    uid, url = str(uuid.uuid4()), server.url + ending
    sealed = {"api_key": secrets.seal(KEY, "zone", uid, "api_key")}
    return Zone.create(
        uid=uid, name=name, type="powerdns", endpoint=url, config={"server_url": url}, secrets=sealed
    )


MakeVm = Callable[[int], Vm]


@pytest.fixture
def make_vm(store: Store) -> MakeVm:
    cluster = Server.create(uid="s", name="pve", hosts=["127.0.0.1"])
    product = Product.create(name="P", server=cluster, spec={})
    client = Client.create(name="Acme")

    def make(number: int) -> Vm:
        service = Service.create(client=client, product=product)
        vm = Vm.create(
            uid=str(uuid.uuid4()), service=service, server=cluster, name=f"vm-{number}", domain=FORWARD
        )
        address = ip_address(f"192.0.2.{number}")
        Address.create(server=cluster, bridge="vmbr0", address=address, vm=vm, prefix=24)
        return vm

    return make


@pytest.fixture
def start(store: Store) -> Iterator[Callable[[Settings], DnsSender]]:
    running: list[DnsSender] = []

    def starter(settings: Settings = QUICK) -> DnsSender:
        running.append(DnsSender(settings))
        running[-1].start()
        return running[-1]

    yield starter
    for sender in running:
        sender.stop(SOON)


class Step(threading.Thread):
    """A step of a pipeline that sets the names of a VM."""

    def __init__(self, vm: Vm, patience_s: float = 3.0, clear: bool = False) -> None:
        super().__init__(daemon=True)
        self._work = lambda: (sync.clear if clear else sync.sync)([vm], patience_s)[vm.id]
        self.start()

    def run(self) -> None:
        self._report = self._work()

    def lines(self) -> list[str]:
        """What it logged; it must have gone on."""
        self.join(SOON)
        assert not self.is_alive(), "a step waits for a DNS server"
        return list(self._report.lines)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + SOON
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def states() -> set[str]:
    with session():
        return {row.state if row.due_at is None else f"{row.state}, due" for row in DnsRecord.select()}


def said(word: str) -> list[str]:
    with session():
        return [event.text for event in Event.select().order_by(Event.id) if word in event.text]


# --- a server that accepts and never answers ---


def test_six_vms_go_on_although_a_server_never_answers_and_other_servers_are_written(
    provider: Gated, neighbour: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD), add_zone(neighbour, REVERSE)
    provider.faults.half_open = True
    start()
    steps = [Step(make_vm(number)) for number in range(10, 16)]
    for number, step in zip(range(10, 16), steps, strict=True):
        forward, reverse = step.lines()
        assert forward.startswith(f"fwd ERR vm-{number}.{FORWARD} A @ {FORWARD}/PowerDNS: ")
        assert forward.endswith("; will retry")
        assert reverse == f"rev OK  {number}.{REVERSE} PTR vm-{number}.{FORWARD} @ {REVERSE}/PowerDNS"
    provider.faults.half_open = False
    until(lambda: states() == {"written"})
    assert all(provider.contents(f"vm-{number}.{FORWARD}", "A") for number in range(10, 16))
    with session():
        assert Destination.select().where(Destination.failures > 0).count() == 0


def test_the_log_has_one_line_for_an_outage_and_one_for_each_record_that_came_late(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    start()
    vm = make_vm(10)
    Step(vm).lines()
    until(lambda: Destination.get().failures >= 4)
    assert len(said("")) == 1 and "did not answer in time" in said("")[0], said("")
    provider.faults.half_open = False
    until(lambda: states() == {"written"})
    late = f"[dns] sid:{vm.service_id} fwd OK  vm-10.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS (retried)"
    until(lambda: said("retried)") == [late])
    assert len(said("")) == 3 and said("takes changes again")


def test_a_step_does_not_wait_at_all_for_a_server_that_is_known_to_be_silent(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    start(replace(QUICK, pauses_s=(1000.0,)))
    Step(make_vm(10)).lines()
    until(lambda: Destination.get().failures == 1)
    line = Step(make_vm(11), patience_s=10 * SOON).lines()[0]
    assert "did not answer in time" in line and line.endswith("; will retry")


def test_a_server_that_has_not_answered_for_three_seconds_is_silent_before_its_deadline_ends(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SLOW_MS", 300)
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    start(replace(QUICK, timing=Timing(connect=1.0, read=1000.0, total=1000.0)))
    Step(make_vm(10), patience_s=0.5).lines()
    assert "timed out after" in Step(make_vm(11), patience_s=10 * SOON).lines()[0]


def test_a_step_waits_no_longer_than_its_patience(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SLOW_MS", 1_000_000_000)
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    start(replace(QUICK, timing=Timing(connect=1.0, read=1000.0, total=1000.0)))
    assert "timed out after 1 s; will retry" in Step(make_vm(10), patience_s=1.0).lines()[0]


@pytest.mark.parametrize("action", ["SetDnsRecords", "Set DNS records"])
def test_set_dns_records_clears_what_is_pending_at_once_when_the_server_is_back(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender], action: str
) -> None:
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    start(replace(QUICK, pauses_s=(1000.0,)))
    vm = make_vm(10)
    Step(vm).lines()
    until(lambda: Destination.get().failures == 1)
    provider.faults.half_open = False
    Run.create(vm=vm, action=action, from_status="ready", live=1)
    assert Step(vm).lines() == [f"fwd OK  vm-10.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS"]
    assert states() == {"written"}


def test_a_silent_server_does_not_hold_up_the_end_of_the_process(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    provider.faults.half_open = True
    sender = start(replace(QUICK, timing=Timing(connect=1.0, read=1000.0, total=1000.0)))
    Step(make_vm(10), patience_s=0.5).lines()
    ending = threading.Thread(target=lambda: sender.stop(1000.0), daemon=True)
    ending.start()
    ending.join(SOON)
    assert not ending.is_alive(), "the process waits for a DNS server"
    # the thread that was left behind must not touch a store that others opened after it
    with session():
        DnsRecord.update(error="as it was left").execute()
    left_behind = [each for each in threading.enumerate() if each.name.startswith("engine-dns:")]
    provider.stop()
    for thread in left_behind:
        thread.join(SOON)
        assert not thread.is_alive()
    with session():
        assert left_behind and DnsRecord.get().error == "as it was left"


def test_a_changed_zone_is_tried_again_at_once(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    zone = add_zone(provider, FORWARD)
    zone.secrets = {"api_key": secrets.seal("wrong-key-wrong", "zone", zone.uid, "api_key")}
    zone.save()
    start(replace(QUICK, slow_pauses_s=(1000.0,)))
    line = Step(make_vm(10)).lines()[0]
    assert line.startswith("fwd ERR") and "Unauthorized" in line
    values = {"zone": FORWARD, "type": "powerdns", "server_url": provider.url, "api_key": KEY}
    put_zone(zone_form(values), Actor("test"), zone.id)
    until(lambda: states() == {"written"})


# --- batches ---


def test_a_zone_that_is_added_while_others_wait_is_written(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    start(PATIENT)
    provider.gate.clear()
    first = Step(make_vm(10), SOON)
    provider.asked.acquire()
    second = Step(make_vm(11), SOON)
    until(lambda: DnsRecord.select().count() == 2)
    add_zone(provider, REVERSE)
    third = Step(make_vm(12), SOON)
    until(lambda: DnsRecord.select().count() == 4)
    provider.gate.set()
    for step in (first, second, third):
        assert not [line for line in step.lines() if "ERR" in line]
    assert provider.contents(f"12.{REVERSE}", "PTR") == [f"vm-12.{FORWARD}."]
    assert states() == {"written"}


def test_changes_that_wait_for_one_zone_go_in_one_request(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    start(PATIENT)
    provider.gate.clear()
    steps = [Step(make_vm(10), SOON)]
    provider.asked.acquire()
    steps += [Step(make_vm(number), SOON) for number in range(11, 31)]
    until(lambda: DnsRecord.select().count() == 21)
    provider.gate.set()
    assert not [line for step in steps for line in step.lines() if "ERR" in line]
    assert len([request for request in provider.requests if request.method == "PATCH"]) == 2


def test_a_record_that_is_no_longer_wanted_while_it_is_being_written_is_deleted(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    start(PATIENT)
    vm = make_vm(10)
    gate = threading.Event()
    real = provider.answer

    def hold_the_write(request: Request) -> Answer:
        reply = real(request)
        if request.method == "PATCH" and not gate.is_set():
            provider.asked.release()
            assert gate.wait(SOON)
        return reply

    provider.answer = hold_the_write  # type: ignore[method-assign]
    Step(vm, 0.1).lines()
    until(lambda: [each for each in provider.requests if each.method == "PATCH"])
    clearing = Step(vm, SOON, clear=True)
    until(lambda: "deleting, due" in states())
    gate.set()
    assert clearing.lines() == [f"fwd OK  vm-10.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS deleted"]
    assert provider.contents(f"vm-10.{FORWARD}", "A") == [] and states() == set()


def test_records_of_a_vm_whose_row_is_gone_are_still_deleted(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    sender = start()
    vm = make_vm(10)
    Step(vm).lines()
    sender.stop(SOON)
    sync.clear([vm], 0.1)
    Address.delete().execute()
    vm.delete_instance()
    start()
    until(lambda: not states())
    assert provider.contents(f"vm-10.{FORWARD}", "A") == []


def test_a_record_that_was_never_written_is_dropped_with_its_vm(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    vm = make_vm(10)
    Step(vm, 0.1).lines()
    Address.delete().execute()
    vm.delete_instance()
    start()
    until(lambda: not states())
    assert provider.contents(f"vm-10.{FORWARD}", "A") == []


def test_a_deletion_of_what_the_provider_refused_to_write_is_done(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    zone, vm = add_zone(provider, FORWARD), make_vm(10)
    DnsRecord.create(
        zone=zone, vm=vm, name=f"x.{FORWARD}", type="A", content="192.0.2.9", state="deleting", due_at=0
    )
    start()
    until(lambda: not states())
    assert provider.contents(f"x.{FORWARD}", "A") == [] and DnsRecord.select().count() == 0


def test_a_conflict_is_looked_at_again_and_ends_when_the_foreign_record_goes(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    start()
    name = f"vm-10.{FORWARD}."
    with provider._lock:
        provider._zones[FORWARD + "."][(name, "CNAME")] = {
            "name": name,
            "type": "CNAME",
            "ttl": 300,
            "records": [{"content": "elsewhere.example.", "disabled": False}],
        }
    line = Step(make_vm(10)).lines()[0]
    assert line.startswith("fwd ERR") and "a CNAME to elsewhere.example holds this name" in line
    with session():
        assert [row.state for row in DnsRecord.select()] == ["conflict"]
    with provider._lock:
        del provider._zones[FORWARD + "."][(name, "CNAME")]
    until(lambda: states() == {"written"})


# --- one writer ---


def test_two_spellings_of_a_server_have_one_writer(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD), add_zone(provider, REVERSE, "/api/v1")
    start(PATIENT)
    provider.faults.latency = 0.05
    steps = [Step(make_vm(number), SOON) for number in range(10, 20)]
    assert not [line for step in steps for line in step.lines() if "ERR" in line]
    assert provider.most == 1


def test_two_engines_never_write_at_once_although_the_work_takes_longer_than_a_lease(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    for name in (FORWARD, REVERSE, "vm-10.example.net"):
        provider.add_zone(name)
        add_zone(provider, name)
    slow = replace(PATIENT, lease_ms=600)
    start(slow), start(slow)
    real = provider.answer

    def slowly(request: Request) -> Answer:
        time.sleep(0.1)
        return real(request)

    provider.answer = slowly  # type: ignore[method-assign]
    provider.most = 0
    began = Destination.select().count()
    steps = [Step(make_vm(number), SOON) for number in range(10, 18)]
    assert not [line for step in steps for line in step.lines() if "ERR" in line]
    assert began == 0 and provider.most == 1


def test_a_lease_is_renewed_by_its_holder_and_taken_over_when_it_ended(store: Store) -> None:
    assert sending.hold("dns:x", "first", 400)
    assert not sending.hold("dns:x", "second", 400)
    time.sleep(0.25)
    assert sending.hold("dns:x", "first", 400), "the holder cannot renew its lease"
    time.sleep(0.25)
    assert not sending.hold("dns:x", "second", 400), "a renewed lease ended at its first end"
    time.sleep(0.25)
    assert sending.hold("dns:x", "second", 400), "a lease that ended is not taken over"
    assert not sending.hold("dns:x", "first", 400)
    sending.release("dns:x", "first")
    assert not sending.hold("dns:x", "third", 400), "a lease was given up by somebody else"
    sending.release("dns:x", "second")
    assert sending.hold("dns:x", "third", 400)


def test_a_sender_that_lost_its_lease_stops_before_the_next_zone(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    key = destination_of(add_zone(provider, FORWARD))
    add_zone(provider, REVERSE)
    start(PATIENT)
    provider.gate.clear()
    step = Step(make_vm(10), 1.0)
    provider.asked.acquire()
    with session():  # as if this process had been frozen for longer than its lease
        Destination.update(owner="successor", until=Destination.until + 10_000_000).where(
            Destination.name == key
        ).execute()
    provider.gate.set()
    step.lines()
    until(lambda: DnsRecord.select().where(DnsRecord.due_at.is_null()).count() == 1)
    time.sleep(0.5)
    assert "pending, due" in states(), "a zone was written without the lease"
    assert not [request for request in provider.requests if REVERSE in request.path]


def test_a_step_hears_the_answer_of_a_sender_in_another_process(
    provider: Gated, make_vm: MakeVm, store: Store, tmp_path: Path
) -> None:
    add_zone(provider, FORWARD)
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from engine.dns.sender import DnsSender\n"
        "from engine.store import secrets\n"
        "from engine.store.database import open_database\n"
        "open_database(sys.argv[1]); secrets.use_key_file(Path(sys.argv[2]))\n"
        "sender = DnsSender(); sender.start(); print('ready', flush=True)\n"
        "sys.stdin.read(); sender.stop(5)\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, store.url, str(store.key_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert other.stdin is not None and other.stdout is not None
    try:
        assert other.stdout.readline() == b"ready\n"
        assert Step(make_vm(10), SOON).lines() == [
            f"fwd OK  vm-10.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS"
        ]
    finally:
        other.stdin.close()
        other.wait(SOON)
        other.stdout.close()


def test_what_an_ended_engine_left_is_sent_by_the_next_one(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(provider, FORWARD)
    line = Step(make_vm(10), 0.1).lines()[0]
    assert line.endswith("timed out after 0 s; will retry")
    start()
    until(lambda: states() == {"written"})


def test_a_process_that_ends_sends_what_is_due_first(provider: Gated, make_vm: MakeVm) -> None:
    add_zone(provider, FORWARD)
    Step(make_vm(10), 0.1).lines()
    assert DnsSender(QUICK).finish(SOON)
    assert states() == {"written"}


def test_answers_name_what_they_are_about(provider: Gated, make_vm: MakeVm) -> None:
    row = add_zone(provider, FORWARD)
    record = DnsRecord(zone=row, name=f"a.{FORWARD}", type="A", content="192.0.2.1", state="left", note="why")
    line = f"a.{FORWARD} A 192.0.2.1 @ {site.zone_of(row).label}"
    assert answers.lines(record, record, row) == ([f"fwd !   {line}: why"], False)
    record.note = ""
    assert answers.lines(record, record, row) == ([f"fwd OK  {line}"], False)
    assert ledger.record_of(record).content == "192.0.2.1"
