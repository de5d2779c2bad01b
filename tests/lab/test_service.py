"""The lab as a process of its own, steered over its control endpoint."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from engine.errors import Failed
from kvmtui.lab import Lab

PROGRAM = "from pathlib import Path; from kvmtui.lab import serve; serve(speed={speed}, faults={faults})"


@dataclass
class Served:
    """A lab in another process: what it said, and calls of its control endpoint."""

    process: subprocess.Popen[str]
    said: dict[str, str]

    def __call__(self, method: str, verb: str, **body: Any) -> Any:
        json = body if method == "POST" else None
        done = requests.request(
            method, f"{self.said['Control']}/{verb}", json=json, verify=self.said["CA file"], timeout=9
        )
        return done.json()

    def api(self, method: str, path: str, **data: Any) -> requests.Response:
        headers = {"Authorization": f"PVEAPIToken={self.said['Token']}"}
        url = f"{self.said['URL']}/api2/json{path}"
        return requests.request(
            method, url, data=data, headers=headers, verify=self.said["CA file"], timeout=9
        )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    faults = tmp_path / "faults.yaml"
    faults.write_text("- {kind: status, path: /pools$, code: 503}\n")
    program = PROGRAM.format(speed=0, faults=f"Path({str(faults)!r})")
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said: dict[str, str] = {}
    for line in process.stdout:
        name, _, value = line.strip().partition("  ")
        said[name] = value.strip()
        if line.startswith("Stop it"):
            break
    yield Served(process, said)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=15)
    assert rest == "The lab has stopped.\n"
    assert process.returncode == 0
    assert not Path(said["CA file"]).exists()


def test_it_is_steered_from_outside(served: Served) -> None:
    assert served.api("GET", "/pools").status_code == 503
    upid = served.api("POST", "/nodes/pve1/qemu/9000/clone", newid=300, name="web").json()["data"]
    guest = next(g for g in served("GET", "guests") if g["vmid"] == 300)
    assert (guest["name"], guest["node"], guest["lock"]) == ("web", "pve1", None)
    assert [e["action"] for e in served("GET", "effects")][-1] == "clone"
    assert served("GET", "tasks")[-1]["upid"] == upid
    assert "local-lvm:vm-300-disk-0" in [v["volid"] for v in served("GET", "volumes")]
    assert served("GET", "requests")["per_node"] == {"pve1": 1}
    now = served("GET", "time")["now"]
    assert served("POST", "advance", seconds=500)["now"] >= now + 500
    served("POST", "foreign", action="rename", args={"vmid": 300, "name": "theirs"})
    assert served.api("GET", "/nodes/pve1/qemu/300/config").json()["data"]["name"] == "theirs"
    served("POST", "nodes", node="pve2", online=False)
    assert served.api("GET", "/nodes/pve2/status").status_code == 595
    served("POST", "quorum", quorate=False)
    assert served.api("POST", "/nodes/pve1/qemu/300/status/start").status_code == 500
    served("POST", "faults", kind="status", path="/version", code=596)
    assert [f["code"] for f in served("GET", "faults")] == [596]
    served("POST", "faults/clear")
    assert served("GET", "faults") == []
    served("POST", "revoke", privilege="VM.Audit", path="/vms/300")
    assert served.api("GET", "/nodes/pve1/qemu/300/config").status_code == 403


@pytest.mark.parametrize(
    ("method", "verb", "body", "sentence"),
    [
        ("POST", "foreign", {"action": "explode"}, "knows no foreign action 'explode'"),
        ("POST", "foreign", {"action": "delete", "args": {"vmid": 7777}}, "has no guest 7777"),
        ("POST", "foreign", {"action": "delete", "args": {"bogus": 1}}, "wrong arguments"),
        ("POST", "faults", {"kind": "explode"}, "knows no fault 'explode'"),
        ("POST", "nodes", {"node": "pve9", "online": True}, "has no node 'pve9'"),
        ("POST", "explode", {}, "does not know 'explode'"),
        ("GET", "explode", {}, "It reads: consoles, effects, faults, guests"),
        ("POST", "advance", {}, "needs 'seconds'"),
    ],
)
def test_wrong_control_calls_are_explained(
    lab: Lab, method: str, verb: str, body: dict[str, Any], sentence: str
) -> None:
    json = body if method == "POST" else None
    done = requests.request(method, f"{lab.url}/lab/{verb}", json=json, verify=lab.ca_file, timeout=9)
    assert done.status_code in (400, 404)
    assert sentence in done.json()["error"]


def test_a_port_in_use_is_reported(lab: Lab) -> None:
    with pytest.raises(Failed, match=f"cannot listen on 127.0.0.1 port {lab.port}"), Lab(port=lab.port):
        pass
