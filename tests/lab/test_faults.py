"""Faults on demand: what each does to the client and to the cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from engine.errors import Refused
from kvmtui.lab import InjectedFault, load

CLONE = "/nodes/pve1/qemu/9000/clone"


def made(call: Any) -> bool:
    """Whether the clone took effect."""
    return any(effect.action == "clone-begin" for effect in call.lab.effects)


@pytest.mark.parametrize(
    ("fault", "took_effect"),
    [
        (InjectedFault("lost", method="POST", path="/clone$"), True),
        (InjectedFault("cut", method="POST", path="/clone$"), False),
        (InjectedFault("hang", path="/clone$", seconds=0.05), False),
        (InjectedFault("hang", path="/clone$", seconds=0.05, after=True), True),
    ],
)
def test_a_connection_without_an_answer(call: Any, fault: InjectedFault, took_effect: bool) -> None:
    call.lab.faults.add(fault)
    with pytest.raises(requests.exceptions.ConnectionError):
        call("POST", CLONE, newid=300)
    assert made(call) is took_effect
    assert call.lab.requests.entries[-1] == ("POST", f"/api2/json{CLONE}", 0)
    assert call.get("/version")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (500, "got no worker upid - start worker failed"),
        (503, "Service Unavailable"),
        (595, "Connection refused"),
        (596, "Connection timed out"),
        (597, "Broken pipe"),
        (599, "Too many redirections"),
    ],
)
@pytest.mark.parametrize("after", [False, True])
def test_errors_by_name(call: Any, code: int, reason: str, after: bool) -> None:
    call.lab.faults.add(InjectedFault("status", path="/clone$", code=code, after=after))
    answer = call("POST", CLONE, newid=300)
    assert (answer.status, answer.reason) == (code, reason)
    assert made(call) is after


def test_a_dripping_answer_comes_whole(call: Any) -> None:
    call.lab.faults.add(InjectedFault("drip", path="/version", seconds=0.002))
    began = time.monotonic()
    assert call.get("/version")["release"] == "9.1"
    assert time.monotonic() - began > 0.1


def test_nth_count_and_vmid_choose_the_calls(call: Any) -> None:
    call.lab.faults.add(InjectedFault("status", path="/config$", vmid=105, nth=2, count=2, code=503))
    codes = [call("GET", "/nodes/pve2/qemu/105/config").status for _ in range(5)]
    assert codes == [200, 503, 503, 200, 200]
    assert call.lab.faults.remaining() == []
    assert call.lab.faults.hits() == 2
    call.lab.faults.add(InjectedFault("status", path="/clone", vmid=301, code=503))
    assert call("POST", CLONE, newid=300).status == 200
    assert call("POST", CLONE, newid=301).status == 503


def test_faults_can_be_cleared(call: Any) -> None:
    call.lab.faults.add(InjectedFault("status", path=".", count=0, code=503))
    assert [call("GET", "/version").status for _ in range(3)] == [503] * 3
    call.lab.faults.clear()
    assert call("GET", "/version").status == 200


def test_task_endings(call: Any) -> None:
    call.lab.faults.add(InjectedFault("task-error", task="qmclone", text="clone failed: no space\nleft"))
    assert call.run("POST", CLONE, newid=300) == "clone failed: no space left"
    assert call.lab.guest(300) is None
    call.lab.faults.add(InjectedFault("task-warnings", task="qmclone", warnings=2))
    assert call.run("POST", CLONE, newid=300) == "WARNINGS: 2"
    assert call.lab.guest(300).lock is None
    call.lab.faults.add(InjectedFault("task-vanishes", task="qmstart", vmid=300))
    upid = call("POST", "/nodes/pve1/qemu/300/status/start").data
    gone = call("GET", f"/nodes/pve1/tasks/{upid}/status")
    assert (gone.status, gone.errors) == (400, {"upid": "no such task"})
    assert call.lab.guest(300).status == "running"


def test_an_outage_of_a_node_and_of_the_quorum(slow: Any) -> None:
    slow.lab.faults.add(InjectedFault("offline", path="/version", target="pve2", seconds=30))
    slow.lab.faults.add(InjectedFault("no-quorum", path="/version", seconds=60))
    slow.get("/version")
    assert slow("GET", "/nodes/pve2/status").status == 595
    assert slow("POST", CLONE, newid=300).reason == "cluster not ready - no quorum?"
    slow.lab.advance(31)
    assert slow("GET", "/nodes/pve2/status").status == 200
    slow.lab.advance(30)
    assert slow("POST", CLONE, newid=300).status == 200


def test_a_foreign_hand_at_the_worst_moment(call: Any) -> None:
    call.clone(300)
    call.lab.faults.add(
        InjectedFault("foreign", method="PUT", path="/300/config", action="delete", args={"vmid": 300})
    )
    assert call("PUT", "/nodes/pve1/qemu/300/config", cores=2).status == 500
    assert call.lab.guest(300) is None


def test_foreign_hands(call: Any) -> None:
    call.clone(300, full=1)
    lab = call.lab
    lab.foreign_rename(300, "stolen")
    lab.foreign_config(300, description="theirs", agent=None)
    lab.foreign_migrate(300, "pve3")
    lab.foreign_lock(300, "snapshot")
    lab.foreign_power(300, "running")
    lab.foreign_create(300 + 1, "pve2")
    guest = lab.guest(300)
    assert (guest.name, guest.description, guest.node) == ("stolen", "theirs", "pve3")
    assert (guest.lock, guest.status, "agent" in guest.config) == ("snapshot", "running", False)
    assert {v.node for v in lab.volumes() if v.vmid == 300} == {"pve3"}
    assert lab.guest(301).node == "pve2"
    lab.foreign_delete(300)
    assert not [v for v in lab.volumes() if v.vmid == 300]
    with pytest.raises(Refused, match="no guest 300"):
        lab.foreign_lock(300)


def test_a_fault_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- {kind: lost, method: POST, path: /clone}\n- kind: task-error\n  task: qmstart\n")
    assert load(file) == [
        InjectedFault("lost", method="POST", path="/clone"),
        InjectedFault("task-error", task="qmstart"),
    ]
    file.write_text('[{"kind": "cut"}]')
    assert load(file) == [InjectedFault("cut")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- {kind: nonsense}", "knows no fault 'nonsense'"),
        ("- {kind: cut, bogus: 1}", "has no key 'bogus'"),
        ("- {kind: cut, path: '['}", "no regular expression"),
        ("- {kind: cut, nth: many}", "must be"),
        ("- cut", "is a mapping"),
        ("kind: cut", "must hold a list"),
        ("- {", "not valid YAML"),
    ],
)
def test_fault_files_that_are_none(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match=sentence):
        load(file)


def test_a_missing_fault_file(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be read"):
        load(tmp_path / "none.yaml")
