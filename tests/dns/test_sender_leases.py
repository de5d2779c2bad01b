"""Each DNS server has one writer at a time, in whichever process, and what one leaves the next one sends."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.clock import now_ms
from engine.dns import answers, configured_zones, ledger
from engine.dns.sender import DnsSender, destination_of
from engine.store.database import session
from engine.store.models import (
    Destination,
    DnsRecord,
)
from engine.work import sending
from kvmtui.lab.dns.server import FakeRequest, FakeResponse
from tests.conftest import Store
from tests.dns.senders import (
    FORWARD,
    PATIENT,
    QUICK,
    REVERSE,
    SOON,
    Gated,
    MakeVm,
    Step,
    add_zone,
    make_vm,
    neighbour,
    provider,
    start,
    states,
)
from tests.waiting import until

__all__ = ["make_vm", "neighbour", "provider", "start"]


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

    def slowly(request: FakeRequest) -> FakeResponse:
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


def test_a_lease_of_an_ended_sender_does_not_last_until_the_clock_is_where_it_was(store: Store) -> None:
    """The clock was set back after the lease was taken, and its holder was killed."""
    assert sending.hold("dns:x", "first", 400)
    with session():
        Destination.update(until=now_ms() + 150_000).where(Destination.name == "dns:x").execute()
    assert sending.hold("dns:x", "second", 400)
    assert not sending.hold("dns:x", "third", 400)


class Turns(Gated):
    """Answers each read only when its turn comes, with what is there then."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = [threading.Event() for _ in range(9)]
        self.reads = 0

    def answer(self, request: FakeRequest) -> FakeResponse:
        if request.method == "GET":
            turn, self.reads = self.turns[self.reads], self.reads + 1
            assert turn.wait(SOON)
        return super().answer(request)


def test_a_sender_whose_lease_ended_while_it_read_writes_nothing(
    make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    """Otherwise its successor, which asked the ledger before, takes the record it writes for a foreign one."""
    with Turns() as server:
        server.add_zone(FORWARD)
        add_zone(server, FORWARD)
        slow = replace(PATIENT, lease_ms=300)
        late = start(slow)
        step = Step(make_vm(10), 0.1)
        until(lambda: server.reads == 1)
        time.sleep(0.4)
        start(slow)
        until(lambda: server.reads == 2)
        server.turns[0].set()
        server.turns[2].set()  # a record set is read once more before it is written
        late.stop(SOON)
        for turn in server.turns:
            turn.set()
        until(lambda: "due" not in "".join(states()))
        assert states() == {"written"}
        assert len([request for request in server.requests if request.method == "PATCH"]) == 1
        step.lines()


def test_a_sender_that_lost_its_lease_writes_nothing(
    provider: Gated, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    key = destination_of(add_zone(provider, FORWARD))
    add_zone(provider, REVERSE)
    late = start(PATIENT)
    provider.gate.clear()
    step = Step(make_vm(10), 1.0)
    provider.asked.acquire()
    with session():  # as if this process had been frozen for longer than its lease
        Destination.update(owner="successor").where(Destination.name == key).execute()
    provider.gate.set()
    step.lines()
    late.stop(SOON)
    assert states() == {"pending, due"}, "a zone was written without the lease"
    assert not [request for request in provider.requests if request.method == "PATCH"]


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
    line = f"a.{FORWARD} A 192.0.2.1 @ {configured_zones.zone_of(row).label}"
    assert answers.lines(record, record, row) == ([f"fwd !   {line}: why"], False)
    record.note = ""
    assert answers.lines(record, record, row) == ([f"fwd OK  {line}"], False)
    assert ledger.record_of(record).content == "192.0.2.1"
