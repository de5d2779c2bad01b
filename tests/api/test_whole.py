"""A billing system's month over the API of a daemon: order, upgrade, suspend, bill, terminate."""

from __future__ import annotations

import json

import pytest

from tests.api.whole import Whole, settle, whole

__all__ = ["whole"]


@pytest.mark.timeout(300)
def test_the_life_cycle_of_a_service_by_the_api_alone(whole: Whole) -> None:
    order = {"client": "Acme", "product": "VPS-2", "external_ref": "order-1"}
    made = whole.call("POST", "/api/v1/services", json=order, headers={"Idempotency-Key": "order-1"})
    whole.done(made)
    number = made["request"]["service_id"]
    vm = whole.call("GET", f"/api/v1/services/{number}/vm", 200)
    assert (vm["vm_status"], vm["service_status"], vm["fqdn"]) == (
        "ready",
        "Active",
        f"vps-{number}.example.com",
    )
    listed = json.loads(whole.run("vm", "list", "--json").stdout)
    ours = next(each for each in listed if each["service_id"] == number)
    assert {**ours, "remote_status": ""} == {**vm, "remote_status": ""}
    (run,) = whole.call("GET", f"/api/v1/services/{number}/vm/log", 200)["items"]
    assert run["action"] == "Deploy" and run["result"] == "success" and len(run["steps"]) == 15
    base = f"/api/v1/services/{number}"
    assert whole.call("GET", f"{base}/vm/charts?span=hour", 200)["looked"]["state"] == "seen"

    plan = whole.call("POST", f"{base}/change-package?plan=true", 200, json={"product": "VPS-4"})
    assert [each["field"] for each in plan["effects"]] == ["cores"]
    whole.done(whole.call("POST", f"{base}/change-package", json={"product": "VPS-4"}))
    assert whole.lab.guests(2000)[vm["vmid"]]["config"]["cores"] == 4

    whole.done(whole.call("POST", f"{base}/vm/snapshots", json={"name": "before"}))
    assert [each["name"] for each in whole.call("GET", f"{base}/vm/snapshots", 200)["items"]] == ["before"]
    whole.done(whole.call("POST", f"{base}/vm/snapshots/before/rollback"))
    whole.done(whole.call("DELETE", f"{base}/vm/snapshots/before"))
    whole.done(whole.call("POST", f"{base}/vm/backups"))
    (backup,) = whole.call("GET", f"{base}/vm/backups", 200)["items"]
    whole.done(whole.call("POST", f"{base}/vm/backups/{backup['backup']}/restore"))
    settle(whole, number)
    whole.done(whole.call("DELETE", f"{base}/vm/backups/{backup['backup']}"))
    assert whole.call("GET", f"{base}/vm/backups", 200)["items"] == []
    whole.call("PUT", f"{base}/vm/backup-schedule", json={"days": ["mon"], "at": "03:15"})
    assert whole.call("GET", f"{base}/vm/backup-schedule", 200) == {"days": ["mon"], "at": "03:15"}

    image = whole.call("GET", f"{base}/vm/iso", 200)["items"][0]["iso"]
    whole.done(whole.call("PUT", f"{base}/vm/iso", json={"iso": image, "restart": True}))
    assert [each["iso"] for each in whole.call("GET", f"{base}/vm/iso", 200)["items"] if each["mounted"]] == [
        image
    ]
    whole.done(whole.call("DELETE", f"{base}/vm/iso"))
    address = vm["ips"][0]["address"]
    whole.done(whole.call("PUT", f"{base}/vm/rdns/{address}", json={"name": "mail.acme.example"}))
    assert whole.call("GET", f"{base}/vm", 200)["ips"][0]["rdns"] == "mail.acme.example"
    whole.done(whole.call("POST", f"{base}/vm/dns"))

    whole.done(whole.call("POST", f"{base}/suspend", json={"reason": "not paid"}))
    assert whole.lab.guests(2000)[vm["vmid"]]["status"] == "stopped"
    whole.call("POST", f"{base}/vm/start", 409)
    whole.done(whole.call("POST", f"{base}/unsuspend"))
    whole.done(whole.call("POST", f"{base}/vm/reboot"))
    whole.done(whole.call("POST", f"{base}/vm/reinstall", json={"template": "9001"}))
    settle(whole, number)

    steps = whole.call("POST", f"{base}/terminate?plan=true", 200)["steps"]
    assert steps[0] == "Stop VM" and steps[-1] == "Free addresses and VMID"
    whole.done(whole.call("POST", f"{base}/terminate"))
    assert vm["vmid"] not in whole.lab.guests(2000)
    assert whole.call("GET", base, 200)["status"] == "Terminated"
    again = whole.call("POST", "/api/v1/services", json=order, headers={"Idempotency-Key": "order-1"})
    assert again == made
