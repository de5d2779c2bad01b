"""What the lab does differently as 7.4, 8 or 9."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from engine.errors import Refused
from kvmtui.lab import Lab

VM = "/nodes/pve1/qemu/300"


@pytest.fixture(params=["7.4", "8", "9"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_version_and_message(start: Any, version: str) -> None:
    call = start(version=version)
    assert call.get("/version")["version"].startswith(version)
    body = call("GET", "/nodes/pve1/qemu/777/config").body
    assert ("message" in body) == (version != "7.4")


def test_resize_is_a_task_since_8(start: Any, version: str) -> None:
    call = start(version=version)
    call.clone(300)
    answer = call("PUT", f"{VM}/resize", disk="scsi0", size="10G").data
    if version == "7.4":
        assert answer is None
        shrink = call("PUT", f"{VM}/resize", disk="scsi0", size="5G")
        assert (shrink.status, shrink.reason) == (500, "shrinking disks is not supported")
    else:
        assert call.ended(answer) == "OK"
    assert call.get(f"{VM}/config")["scsi0"].endswith("size=10G")


def test_memory_is_a_number_before_8(start: Any, version: str) -> None:
    call = start(version=version)
    assert call.get("/nodes/pve1/qemu/9000/config")["memory"] == (1024 if version == "7.4" else "1024")


def test_the_guest_agents_privilege(start: Any, version: str) -> None:
    call = start(version=version)
    old, new = "VM.Monitor", "VM.GuestAgent.Audit"
    held = call.get("/access/permissions")["/"]
    assert (old in held, new in held) == (version != "9", version == "9")
    ping = "/nodes/pve1/qemu/100/agent/ping"
    assert call("POST", ping).status == 200
    for privilege in (old, new, "VM.GuestAgent.Unrestricted"):
        call.lab.revoke(privilege)
    refused = call("POST", ping)
    assert refused.status == 403
    assert (old in refused.reason) == (version != "9")


@pytest.mark.parametrize(
    ("params", "first"),
    [({"ciupgrade": 0}, "8"), ({"allow-ksm": 1}, "9"), ({"cores": 2}, "7.4")],
)
def test_parameters_that_came_later(start: Any, version: str, params: dict[str, Any], first: str) -> None:
    call = start(version=version)
    answer = call("PUT", "/nodes/pve2/qemu/105/config", **params)
    known = version >= first
    assert answer.status == (200 if known else 400)
    assert bool(answer.errors) is not known


def test_the_clone_log_names_the_new_id_only_in_9(start: Any, version: str) -> None:
    call = start(version=version)
    upid = call("POST", "/nodes/pve1/qemu/9000/clone", newid=300).data
    call.ended(upid)
    assert ("with ID 300" in call.log(upid)) == (version == "9")


def test_a_bad_token_is_explained_only_by_older_ones(start: Any, version: str) -> None:
    lab = start(version=version).lab
    headers = {"Authorization": f"PVEAPIToken={lab.token_id}=wrong"}
    done = requests.get(f"{lab.url}/api2/json/version", headers=headers, verify=lab.ca_file, timeout=9)
    assert done.reason == ("Authentication failed!" if version == "9" else "invalid token value!")


def test_bridges_need_rights_of_their_own_since_8(start: Any, version: str) -> None:
    call = start(version=version)
    call.lab.revoke("SDN.Use")
    answer = call("PUT", "/nodes/pve2/qemu/105/config", net0="virtio,bridge=vmbr0")
    assert answer.status == (200 if version == "7.4" else 403)


def test_a_version_that_is_none() -> None:
    with pytest.raises(Refused, match=r"7\.4, 8 or 9"):
        Lab(version="6.2")
