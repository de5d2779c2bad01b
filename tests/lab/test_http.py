"""The HTTP layer: codes, reason phrases, bodies, logins and rights, before any VM is touched."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from typing import Any

import pytest
import requests

from kvmtui.lab import Lab


def test_success_and_error_shapes(call: Any) -> None:
    assert call.get("/version")["release"] == "9.1"
    missing = call("GET", "/nodes/pve1/qemu/777/config")
    text = "Configuration file 'nodes/pve1/qemu-server/777.conf' does not exist"
    assert (missing.status, missing.reason, missing.body) == (
        500,
        text,
        {"data": None, "message": f"{text}\n"},
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nowhere", 501, "Method 'GET /nowhere' not implemented"),
        ("PUT", "/version", 501, "Method 'PUT /version' not implemented"),
        (
            "PUT",
            "/nodes/pve1/qemu/100/vncwebsocket",
            501,
            "Method 'PUT /nodes/pve1/qemu/100/vncwebsocket' not implemented",
        ),
        ("GET", "/nodes/pve1/nothing/here", 501, "Method 'GET /nodes/pve1/nothing/here' not implemented"),
        (
            "GET",
            "/nodes/nope/status",
            500,
            "hostname lookup 'nope' failed - failed to get address info for: nope: "
            "Temporary failure in name resolution",
        ),
    ],
)
def test_what_is_not_there(call: Any, method: str, path: str, status: int, reason: str) -> None:
    answer = call(method, path)
    assert (answer.status, answer.reason) == (status, reason)


@pytest.mark.parametrize(
    ("params", "field", "text"),
    [
        ({}, "newid", "property is missing and it is not optional"),
        ({"newid": "x"}, "newid", "type check ('integer') failed - got 'x'"),
        ({"newid": 5}, "newid", "invalid format - value does not look like a valid VM ID"),
        ({"newid": 300, "full": "maybe"}, "full", "type check ('boolean') failed - got 'maybe'"),
        ({"newid": 300, "format": "tiff"}, "format", "value 'tiff' does not have a value in the enumeration"),
        (
            {"newid": 300, "bogus": 1},
            "bogus",
            "property is not defined in schema and the schema does not allow",
        ),
    ],
)
def test_parameters_are_checked(call: Any, params: dict[str, Any], field: str, text: str) -> None:
    answer = call("POST", "/nodes/pve1/qemu/9000/clone", **params)
    assert (answer.status, answer.reason) == (400, "Parameter verification failed.")
    assert answer.errors[field].startswith(text)


def test_parameters_belong_into_the_query_of_a_delete(call: Any) -> None:
    url = f"{call.lab.url}/api2/json/nodes/pve1/qemu/100"
    done = call.session.delete(url, data={"purge": 1})
    assert (done.status_code, done.reason) == (501, "Unexpected content for method 'DELETE'")


def test_chunked_and_large_bodies_are_refused(call: Any) -> None:
    url = f"{call.lab.url}/api2/json/nodes/pve1/qemu/9000/clone"
    chunked = call.session.post(url, data=iter([b"newid=300"]))
    assert (chunked.status_code, chunked.reason) == (501, "chunked transfer encoding not supported")
    large = call.session.post(url, data={"description": "x" * 600_000})
    assert (large.status_code, large.reason) == (501, "for data too large")


def test_forms_split_on_semicolons_and_read_booleans(call: Any) -> None:
    url = f"{call.lab.url}/api2/json/nodes/pve1/qemu/9000/clone"
    done = call.session.post(url, data="newid=300;full=Yes&name=a-b")
    call.ended(done.json()["data"])
    assert call.lab.guest(300).name == "a-b"
    assert all(v.parent is None for v in call.lab.volumes() if v.vmid == 300)


def test_rights_come_before_parameters_and_existence(call: Any) -> None:
    call.lab.revoke("VM.Clone", "/vms/777")
    answer = call("POST", "/nodes/pve1/qemu/777/clone", bogus=1)
    assert (answer.status, answer.reason) == (403, "Permission check failed (/vms/777, VM.Clone)")
    assert call("POST", "/nodes/pve1/qemu/9000/clone", bogus=1).status == 400


def test_revoked_rights_vanish_from_the_permissions(call: Any) -> None:
    assert call.get("/access/permissions")["/"]["VM.Clone"] == 1
    call.lab.revoke("VM.Clone", "/vms")
    held = call.get("/access/permissions")
    assert "VM.Clone" in held["/"]
    assert "VM.Clone" not in held["/vms"]
    call.lab.grant("VM.Clone", "/vms")
    assert "VM.Clone" in call.get("/access/permissions")["/vms"]


def test_tokens_see_only_what_they_may(call: Any) -> None:
    call.lab.revoke("VM.Audit", "/vms/100")
    assert 100 not in [item["vmid"] for item in call.get("/cluster/resources", type="vm")]
    assert 101 in [item["vmid"] for item in call.get("/cluster/resources", type="vm")]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("PVEAPIToken=kvmtui@pve!lab=wrong", "Authentication failed!"),
        ("PVEAPIToken=kvmtui@pve!other=wrong", "Authentication failed!"),
        ("", "No ticket"),
    ],
)
def test_a_bad_login_has_no_body(call: Any, header: str, reason: str) -> None:
    done = requests.get(
        f"{call.lab.url}/api2/json/version",
        headers={"Authorization": header},
        verify=call.lab.ca_file,
        timeout=9,
    )
    assert (done.status_code, done.reason, done.content) == (401, reason, b"")


def test_a_bad_login_waits_three_seconds(slow: Any) -> None:
    seen: list[int] = []

    def ask() -> None:
        url = f"{slow.lab.url}/api2/json/version"
        seen.append(requests.get(url, verify=slow.lab.ca_file, timeout=20).status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    while not slow.lab.world.clock.sleeping:
        time.sleep(0.005)
    slow.lab.advance(2.9)
    assert seen == []
    slow.lab.advance(0.2)
    thread.join()
    assert seen == [401]


def test_password_login_with_ticket_and_csrf(call: Any) -> None:
    url, lab = f"{call.lab.url}/api2/json", call.lab
    with requests.Session() as session:
        session.trust_env, session.verify = False, lab.ca_file
        wrong = session.post(f"{url}/access/ticket", data={"username": lab.user, "password": "no"}, timeout=9)
        assert (wrong.status_code, wrong.reason) == (401, "authentication failure")
        login = session.post(
            f"{url}/access/ticket", data={"username": "root", "password": lab.password}, timeout=9
        )
        data = login.json()["data"]
        assert data["username"] == lab.user
        session.cookies.set("PVEAuthCookie", data["ticket"])
        assert session.get(f"{url}/version", timeout=9).status_code == 200
        no_csrf = session.put(f"{url}/nodes/pve1/qemu/100/config", data={"cores": 2}, timeout=9)
        assert (no_csrf.status_code, no_csrf.reason) == (401, "Permission denied - invalid csrf token")
        csrf = {"CSRFPreventionToken": data["CSRFPreventionToken"]}
        done = session.put(
            f"{url}/nodes/pve2/qemu/105/config", data={"lock": "backup"}, headers=csrf, timeout=9
        )
        assert done.status_code == 200
        again = {"username": lab.user, "password": data["ticket"]}
        assert session.post(f"{url}/access/ticket", data=again, timeout=9).status_code == 200
        lab.end_sessions()
        dead = session.get(f"{url}/version", timeout=9)
        assert (dead.status_code, dead.reason) == (401, "Authentication failed!")


def test_only_root_may_set_some_keys(call: Any) -> None:
    for key in ("args", "hookscript", "lock"):
        value = {"args": "-x", "hookscript": "local:snippets/a.sh", "lock": "backup"}[key]
        answer = call("PUT", "/nodes/pve2/qemu/105/config", **{key: value})
        assert (answer.status, answer.reason) == (500, f"only root can set '{key}' config")
    answer = call("DELETE", "/nodes/pve2/qemu/105", skiplock=1)
    assert answer.errors == {"skiplock": "Only root may use this option."}


def test_connections_close_after_an_error_and_after_a_hundred_requests(call: Any) -> None:
    assert call("GET", "/nowhere").headers["Connection"] == "close"
    context = ssl.create_default_context(cafile=call.lab.ca_file)
    connection = http.client.HTTPSConnection(call.lab.host, call.lab.port, context=context)
    headers = {"Authorization": f"PVEAPIToken={call.lab.token_id}={call.lab.token_secret}"}
    closed = 0
    for number in range(1, 101):
        connection.request("GET", "/api2/json/version", headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.getheader("Connection") == "close":
            closed = number
            break
    connection.close()
    assert closed == 100


def test_the_web_interface_format_wraps_every_answer(call: Any) -> None:
    url = f"{call.lab.url}/api2/extjs"
    assert call.session.get(f"{url}/version").json()["success"] == 1
    wrong = call.session.get(f"{url}/nodes/pve1/qemu/777/config")
    assert wrong.status_code == 200
    assert (wrong.json()["success"], wrong.json()["status"]) == (0, 500)


def test_requests_are_counted_per_node(lab: Lab, call: Any) -> None:
    call.get("/version")
    call.get("/nodes/pve2/status")
    call("GET", "/nodes/pve2/qemu/777/config")
    assert lab.requests.count == 3
    assert lab.requests.per_node == {"pve2": 2}
    assert lab.requests.entries[-1] == ("GET", "/api2/json/nodes/pve2/qemu/777/config", 500)
