"""One sender per provider server: nobody waits for a silent one, and nothing that was queued is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.actions.zones import put_zone
from engine.audit import Actor
from engine.dns import sync
from engine.dns.provider import Timing
from engine.dns.sender import DnsSender
from engine.forms import zone_form
from engine.store import secrets
from engine.store.database import session
from engine.store.models import (
    Address,
    Destination,
    DnsRecord,
    Run,
)
from engine.work import sending
from kvmtui.lab.dns.server import FakeRequest, FakeResponse
from tests.dns.senders import (
    FORWARD,
    KEY,
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
    said,
    start,
    states,
)
from tests.waiting import until

__all__ = ["make_vm", "neighbour", "provider", "start"]


# --- a server that accepts and never answers ---


def test_six_vms_continue_although_a_server_never_answers_and_other_servers_are_written(
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
    assert len(said("")) == 3 and said("accepts changes again")


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
    assert Step(vm, SOON).lines() == [f"fwd OK  vm-10.{FORWARD} A 192.0.2.10 @ {FORWARD}/PowerDNS"]
    until(lambda: states() == {"written"})


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
        DnsRecord.update(error="left by the last attempt").execute()
    left_behind = [each for each in threading.enumerate() if each.name.startswith("engine-dns:")]
    provider.stop()
    for thread in left_behind:
        thread.join(SOON)
        assert not thread.is_alive()
    with session():
        assert left_behind and DnsRecord.get().error == "left by the last attempt"


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
    vms = [make_vm(number) for number in range(10, 31)]
    start(PATIENT)
    provider.gate.clear()
    steps = [Step(vms[0], SOON)]
    provider.asked.acquire()
    steps += [Step(vm, SOON) for vm in vms[1:]]
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

    def hold_the_write(request: FakeRequest) -> FakeResponse:
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


def test_a_conflict_is_checked_again_and_ends_when_the_foreign_record_goes(
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
