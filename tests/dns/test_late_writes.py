"""A change that was sent before an outage and reaches the server after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from engine.clock import now_ms
from engine.dns.sender import CHANNEL, DnsSender
from engine.store.database import in_transaction, session
from engine.store.models import Destination, DnsRecord, Zone
from engine.work import wake
from kvmtui.lab.dns.server import FakeRequest, FakeResponse
from tests.dns.senders import FORWARD, QUICK, REVERSE, SOON, Gated, MakeVm, Step, add_zone, make_vm, start
from tests.waiting import until

__all__ = ["make_vm", "start"]
NAME = f"vm-10.{FORWARD}"


class LateServer(Gated):
    """Falls silent at the first write, which reaches it only when `arrive` is called."""

    def __init__(self) -> None:
        super().__init__()
        self._late: FakeRequest | None = None

    def answer(self, request: FakeRequest) -> FakeResponse:
        if request.method == "PATCH" and self._late is None:
            self._late = request
            self.gate.clear()
            self.gate.wait(SOON)
            return FakeResponse(503, b"")
        return super().answer(request)

    def arrive(self) -> None:
        """Carry the first write out."""
        assert self._late is not None
        assert super().answer(self._late).status == 204


@pytest.fixture
def late() -> Iterator[LateServer]:
    with LateServer() as server:
        for zone in (FORWARD, REVERSE):
            server.add_zone(zone)
        yield server


def test_a_record_that_appears_after_its_deletion_was_checked_is_deleted(
    late: LateServer, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    add_zone(late, FORWARD)
    start(replace(QUICK, check_again_s=3600.0))
    vm = make_vm(10)
    assert "will retry" in Step(vm).lines()[0]
    Step(vm, clear=True).lines()
    late.gate.set()
    until(lambda: not _due_now())
    late.arrive()
    _check_now()
    until(lambda: not _rows())
    assert late.contents(NAME, "A") == []


def test_the_second_check_covers_every_zone_of_the_server(
    late: LateServer, make_vm: MakeVm, start: Callable[..., DnsSender]
) -> None:
    """The batch that ends the outage is one of another zone."""
    add_zone(late, FORWARD)
    start(replace(QUICK, check_again_s=3600.0))
    vm = make_vm(10)
    assert "will retry" in Step(vm).lines()[0]
    add_zone(late, REVERSE)
    Zone.update(id=0).where(Zone.name == REVERSE).execute()  # its turn comes first
    Step(make_vm(11)).lines()
    Step(vm, clear=True).lines()
    late.gate.set()
    until(lambda: not _due_now())
    late.arrive()
    _check_now()
    until(lambda: {row.vm.name for row in _rows() if row.vm} == {"vm-11"} and not _due_now())
    assert late.contents(NAME, "A") == []


def _check_now() -> None:
    """The time of the second check has come."""

    def later() -> None:
        Destination.update(unsure_at=1).where(Destination.unsure_at > 0).execute()
        DnsRecord.update(due_at=1).where(DnsRecord.due_at > 1).execute()

    with session():
        in_transaction(later)
    wake.notify_here(CHANNEL)


def _rows() -> list[DnsRecord]:
    with session():
        return list(DnsRecord.select())


def _due_now() -> list[DnsRecord]:
    """Rows that are not settled; one that is only checked later is."""
    with session():
        return [row for row in _rows() if row.error or (row.due_at is not None and row.due_at <= now_ms())]
