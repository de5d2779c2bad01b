"""The answer to a call that arrives after another worker found out what became of the call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.proxmox.faults import FaultKind
from engine.proxmox.journal import ChangingCall
from engine.store.models import Call, Vm
from engine.work import claims, journal
from engine.work.journal import Journal

UPID = "UPID:pve1:0001:0002:0003:qmstop:5000:root@pam:"
OTHER = "UPID:pve1:0001:0002:0004:qmstop:5000:root@pam:"


@pytest.fixture
def sent(make_vm: Callable[..., Vm]) -> tuple[Journal, int]:
    """A call that a worker has just sent."""
    vm = make_vm()
    (claim,) = claims.claim_due("slow", 1)
    slow = Journal(claim, vm.server_id)
    return slow, slow.intent(
        ChangingCall("Stopping", "POST", "/nodes/pve1/qemu/5000/status/stop", 5000, "pve1", "hash")
    )


def test_a_late_failure_does_not_reopen_a_call_whose_end_is_known(sent: tuple[Journal, int]) -> None:
    slow, number = sent
    journal.end(Call.get_by_id(number), "OK")
    slow.failed(number, FaultKind.AMBIGUOUS, "no answer within 3 s")
    assert (Call.get().state, Call.get().outcome) == ("ended", "OK")


def test_a_late_answer_does_not_reopen_a_task_whose_end_is_known(sent: tuple[Journal, int]) -> None:
    slow, number = sent
    journal.found_task(Call.get_by_id(number), UPID)
    slow.answered(number, UPID)
    assert Call.get().state == "answered"
    journal.end(Call.get_by_id(number), "OK")
    slow.answered(number, UPID)
    assert (Call.get().state, Call.get().outcome) == ("ended", "OK")


def test_a_late_answer_without_a_task_leaves_what_was_found(sent: tuple[Journal, int]) -> None:
    slow, number = sent
    journal.end(Call.get_by_id(number), "no trace of it on the cluster")
    slow.answered(number, None)
    assert Call.get().outcome == "no trace of it on the cluster"


@pytest.mark.parametrize("found", ["", OTHER])
def test_a_task_that_nobody_knew_is_followed_however_late_its_name_arrives(
    sent: tuple[Journal, int], found: str
) -> None:
    slow, number = sent
    if found:
        journal.found_task(Call.get_by_id(number), found)
    journal.end(Call.get_by_id(number), "no trace of it on the cluster")
    slow.answered(number, UPID)
    assert (Call.get().state, Call.get().upid) == ("answered", UPID)
