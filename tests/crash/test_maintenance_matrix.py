"""SIGKILL at every moment of what an operator asks for after the first deploy: done once, or honestly failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.pipelines.steps.crypt import sha512_crypt
from engine.store import secrets
from engine.store.models import Event, Outbox, Product, Run, Snapshot, Step, Vm
from tests.crash.site import LONGEST, STRIDE, Case, case, holds, lab, moments

__all__ = ["case", "lab"]

SHORT = max(1, STRIDE // 3)  # these pipelines have few moments
PLAN = {"snapshots": 100, "backups": 2, "backup_storage": "backup"}


@pytest.fixture
def vm(case: Case) -> Iterator[Vm]:
    """A VM that is ready, with a plan that allows it all; nothing foreign is touched."""
    spec = {**case.product.spec, **PLAN}
    Product.update(spec=spec).where(Product.id == case.product.id).execute()
    before = case.lab.foreign()
    vm = case.service()
    case.recover(None)
    yield Vm.get_by_id(vm.id)
    assert case.lab.foreign() == before


def asked(case: Case, vm: Vm, pipeline: str, **args: Any) -> None:
    """Ask for something without being killed."""
    case.ask(vm, pipeline, **args)
    case.recover(None)
    assert newest(vm).result == "success"


def newest(vm: Vm) -> Run:
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


def killed_through(case: Case, vm: Vm, pipeline: str, **args: Any) -> Iterator[int]:
    """Kill at each moment, come back, see that all is right, and let the caller look closer."""
    for moment, again in moments(SHORT):
        runs = Run.select().where(Run.vm == vm.id).count()
        case.ask(vm, pipeline, **{key: each.format(moment) for key, each in args.items()})
        killed = case.killed_at(moment)
        case.recover(again)
        holds(case, vm, "ready")
        assert (newest(vm).action, newest(vm).result, newest(vm).error) == (pipeline, "success", "")
        assert Run.select().where(Run.vm == vm.id).count() == min(50, runs + 1)
        yield moment
        if not killed:
            return
    pytest.fail(f"{pipeline} has more moments than were looked at")


def backups(case: Case, vm: Vm) -> list[str]:
    return sorted(one["volid"] for one in case.lab.get("volumes") if f"qemu-{vm.vmid}-" in one["volid"])


@pytest.mark.timeout(LONGEST)
def test_snapshots_are_taken_and_deleted_once(case: Case, vm: Vm) -> None:
    taken = [f"s{moment}" for moment in killed_through(case, vm, "Snapshot", name="s{}", note="by hand")]
    rows = [row.name for row in Snapshot.select().where(Snapshot.vm == vm.id).order_by(Snapshot.id)]
    assert rows == taken and case.lab.effects("snapshot", vm.vmid) == len(taken)
    for _ in killed_through(case, vm, "DeleteSnapshot", name=taken[0]):
        rows = [row.name for row in Snapshot.select().where(Snapshot.vm == vm.id)]
        assert taken[0] not in rows and len(rows) == len(taken) - 1
        asked(case, vm, "Snapshot", name=taken[0])


@pytest.mark.timeout(LONGEST)
def test_a_rollback_ends_with_our_mark_and_the_vm_running(case: Case, vm: Vm) -> None:
    asked(case, vm, "Snapshot", name="before")
    for moment in killed_through(case, vm, "Rollback", name="before"):
        assert case.lab.guests()[vm.vmid]["config"]["cores"] == 1
        case.lab.do("foreign", action="config", args={"vmid": vm.vmid, "cores": 1 + moment % 3})
        case.lab.do("foreign", action="config", args={"vmid": vm.vmid, "cores": 1})


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("at_limit", [False, True])
def test_one_request_makes_one_backup(case: Case, vm: Vm, at_limit: bool) -> None:
    seen: list[str] = []
    if at_limit:
        asked(case, vm, "Backup")
        asked(case, vm, "Backup")
        seen = backups(case, vm)
    for _ in killed_through(case, vm, "Backup"):
        now = backups(case, vm)
        (fresh,) = set(now) - set(seen)
        assert now == [*seen[-1:], fresh]
        seen = now
        if not at_limit:
            asked(case, vm, "DeleteBackup", backup=fresh)
            seen = []


@pytest.mark.timeout(LONGEST)
def test_a_restore_ends_as_the_package_says(case: Case, vm: Vm) -> None:
    asked(case, vm, "Backup")
    (backup,) = backups(case, vm)
    mails = Outbox.select().count()
    for _ in killed_through(case, vm, "Restore", backup=backup):
        guest = case.lab.guests()[vm.vmid]
        assert vm.mac in guest["config"]["net0"] and guest["config"]["cores"] == 1
        mails += 1
        assert Outbox.select().count() == mails and backups(case, vm) == [backup]
        case.lab.do("foreign", action="config", args={"vmid": vm.vmid, "cores": 3})


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("agent", ["0", "1"])
def test_a_new_password_is_one_and_is_reported_once(case: Case, vm: Vm, agent: str) -> None:
    case.lab.do("foreign", action="config", args={"vmid": vm.vmid, "agent": agent})
    case.lab.do("advance", seconds=20)  # an agent answers some seconds after the start
    mails, known = Outbox.select().count(), set()
    for _ in killed_through(case, vm, "ResetPassword"):
        row = Vm.get_by_id(vm.id)
        clear = secrets.unseal(row.os_password, "vm", row.uid, "os_password")
        if agent == "0":
            hashed = case.lab.guests()[vm.vmid]["config"]["cipassword"]
            assert hashed == sha512_crypt(clear, hashed.split("$")[2])
        else:
            assert case.lab.effects("password", vm.vmid) >= len(known) + 1
        mails += 1
        assert Outbox.select().count() == mails and clear not in known
        known.add(clear)
    for table, column in ((Event, Event.text), (Run, Run.error), (Step, Step.error)):
        assert not [1 for (text,) in table.select(column).tuples() for clear in known if clear in text]
