"""The whole life cycle of a service with each billing system, on a simulated cluster with a daemon."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import program
from tests.api.whole import Whole, running
from tests.contrib.hosts import Host, hosting, whmcs_params
from tests.waiting import until


@pytest.mark.timeout(300)
def test_each_billing_system_leads_a_service_through_its_life(
    tmp_path: Path, shop: Callable[..., Host]
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    lives = (a_whmcs_service, a_fossbilling_service, a_paymenter_service)
    with (
        running(home, partial(program.process, home), tmp_path / "site.yaml") as whole,
        ThreadPoolExecutor() as pool,
    ):
        ends = [pool.submit(live, whole, shop) for live in lives]
        for end in ends:
            end.result()  # raises what was wrong in a life


def port(whole: Whole) -> int:
    """Where the API listens."""
    return int(whole.url.rsplit(":", 1)[1])


def settled(whole: Whole, reference: str, status: str = "Active") -> dict[str, Any]:
    """The service of a shop, when it has this status and nothing is queued or running for it any more."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        (service,) = whole.call("GET", f"/api/v1/services?external_ref={reference}", 200)["items"]
        vm = whole.call("GET", f"/api/v1/services/{service['id']}/vm", 200)
        over = (
            service["status"] == status
            and service["vm_status"] in ("ready", "remove")
            and not service["pending"]
        )
        working = whole.call("GET", "/api/v1/vms?state=working", 200)["items"]
        if over and not any(each["service_id"] == service["id"] for each in working):
            return {**service, "vm": vm}
        time.sleep(0.2)
    raise AssertionError(f"service {reference} did not settle")


def guest(whole: Whole, service: dict[str, Any]) -> dict[str, Any] | None:
    """The guest on the cluster; None when there is none."""
    found: dict[str, Any] | None = whole.lab.guests(2000).get(service["vmid"])
    return found


def power(whole: Whole, service: dict[str, Any], wanted: str) -> bool:
    found = guest(whole, service)
    return found is not None and found["status"] == wanted


def a_whmcs_service(whole: Whole, shop: Callable[..., Host]) -> None:
    """Order, upgrade, suspend, unsuspend, use, terminate."""
    host = shop("whmcs", whole.token, hosting(12))
    params = whmcs_params(port(whole), whole.token, 12, configoptions={"CPU Cores": "1"})
    assert host.call("CreateAccount", params=params) == "success"
    service = settled(whole, "12")
    address = service["vm"]["ips"][0]["address"]
    assert guest(whole, service)["config"]["cores"] == 1  # type: ignore[index]

    area = host.call("ClientArea", params=params)["templateVariables"]["vm"]
    assert area["addresses"][0]["address"] == address and area["name"] == service["vm"]["fqdn"]
    assert host.call("Renew", params=params) == "success"
    assert host.tables["tblhosting"][0]["dedicatedip"] == address

    upgraded = params | {"configoption1": "VPS-4", "configoptions": {}}
    assert host.call("ChangePackage", params=upgraded) == "success"
    until(lambda: guest(whole, service)["config"]["cores"] == 4)  # type: ignore[index]
    settled(whole, "12")

    assert host.call("SuspendAccount", params=upgraded | {"suspendreason": "invoice 9"}) == "success"
    until(lambda: power(whole, service, "stopped"))
    settled(whole, "12", "Suspended")
    assert whole.call("GET", f"/api/v1/services/{service['id']}", 200)["suspended"]["reason"] == "invoice 9"
    assert "invoice 9" in host.call("start", params=upgraded)
    assert host.call("UnsuspendAccount", params=upgraded) == "success"
    until(lambda: power(whole, service, "running"))
    settled(whole, "12")

    for name in ("reboot", "stop", "start", "clientreboot", "setdns"):
        assert host.call(name, params=upgraded) == "success", name
        settled(whole, "12")
    assert host.call("ChangePassword", params=upgraded) == "success"
    settled(whole, "12")
    field = host.call("AdminServicesTabFields", params=upgraded)
    assert str(service["vmid"]) in field["VMID"] and address in field["Reverse DNS"]
    saved = {"modulefields": {"rdns": {address: "mail.client.example"}}}
    host.call("AdminServicesTabFieldsSave", params=upgraded, post=saved)
    settled(whole, "12")
    assert settled(whole, "12")["vm"]["ips"][0]["rdns"] == "mail.client.example"
    whole.done(whole.call("POST", f"/api/v1/services/{service['id']}/vm/backups"))

    assert host.call("UsageUpdate", params=upgraded) == "success"
    row = host.tables["tblhosting"][0]
    assert (row["diskusage"], row["disklimit"]) == (12 * 1024, 12 * 1024) and row["lastupdate"]
    metrics = host.call("MetricProvider", params=upgraded)
    tenant = f"vm{service['id']}"
    assert metrics[tenant]["backups"] == 1 and metrics[tenant]["disk"] == 12
    assert host.call("MetricProvider", params=upgraded, tenant=tenant) == metrics[tenant]
    listed = host.call("ListAccounts", params=upgraded)
    (account,) = [each for each in listed["accounts"] if each["username"] == tenant]
    assert (account["product"], account["status"], account["primaryip"]) == ("VPS-4", "Active", address)

    assert host.call("reinstall", params=upgraded) == "success"
    settled(whole, "12")
    assert host.call("TerminateAccount", params=upgraded) == "success"
    until(lambda: guest(whole, service) is None)
    settled(whole, "12", "Terminated")
    assert "Terminated" in host.call("Renew", params=upgraded)


def a_fossbilling_service(whole: Whole, shop: Callable[..., Host]) -> None:
    """Order, upgrade, suspend, unsuspend, use, terminate."""
    host = shop("fossbilling", whole.token)
    server = {"host": "127.0.0.1", "port": port(whole), "secure": 0, "accesshash": whole.token}
    call = partial(host.call, order=1, server=server, domain="web.client.example")
    assert call("activate", plan="VPS-2") is True
    reference = f"fossbilling-{host.tables['orders']['1']['username']}"
    service = settled(whole, reference)
    assert call("sync") is False
    assert host.tables["orders"]["1"]["ip"] == service["vm"]["ips"][0]["address"]
    assert call("changeAccountPackage", plan="VPS-4") is True
    until(lambda: guest(whole, service)["config"]["cores"] == 4)  # type: ignore[index]
    settled(whole, reference)
    assert call("suspendAccount", note="not paid") is True
    until(lambda: power(whole, service, "stopped"))
    settled(whole, reference, "Suspended")
    assert call("sync") is True and call("unsuspendAccount") is True
    until(lambda: power(whole, service, "running"))
    settled(whole, reference)
    assert call("changeAccountPassword", new="Passw0rd-of-shop") is True
    settled(whole, reference)
    assert call("cancelAccount") is True
    until(lambda: guest(whole, service) is None)
    settled(whole, reference, "Terminated")


def a_paymenter_service(whole: Whole, shop: Callable[..., Host]) -> None:
    """Order, upgrade, suspend, unsuspend, use, terminate."""
    host = shop("paymenter", whole.token)
    config = {"host": whole.url, "token": whole.token}
    call = partial(host.call, service=5, config=config)
    call(
        "createServer",
        settings={"product": "VPS-2", "templates": "9001=Debian"},
        properties={"template": "9001"},
    )
    service = settled(whole, "paymenter-5")
    assert json.dumps(service["options"]) == '{"template": 9001}'
    assert call("upgradeServer", settings={"product": "VPS-4"}) is True
    until(lambda: guest(whole, service)["config"]["cores"] == 4)  # type: ignore[index]
    settled(whole, "paymenter-5")
    assert call("suspendServer", settings={}) is True
    until(lambda: power(whole, service, "stopped"))
    settled(whole, "paymenter-5", "Suspended")
    assert call("unsuspendServer", settings={}) is True
    until(lambda: power(whole, service, "running"))
    settled(whole, "paymenter-5")
    assert call("terminateServer", settings={}) is True
    until(lambda: guest(whole, service) is None)
    settled(whole, "paymenter-5", "Terminated")
