"""The WHMCS module: what its functions do, show and log."""

from __future__ import annotations

import json

import httpx

from engine.clock import now_ms
from engine.roles import Role
from engine.store.models import Address, Product, Traffic, Vm
from tests.api.conftest import SPEC, make_ready, token
from tests.contrib.conftest import Desk, ended, ordered
from tests.contrib.hosts import PASSWORD, problem, says

CREATE = "POST /api/v1/services$"


def test_an_order_becomes_one_service_of_a_client_of_its_own(desk: Desk) -> None:
    assert (
        desk.call("CreateAccount", configoptions={"CPU Cores": "4|4 cores", "Support": "Gold"}) == "success"
    )
    (service,) = desk.services()
    assert (service["external_ref"], service["product"], service["options"]) == ("12", "VPS-2", {"cores": 4})
    (client,) = [
        each for each in desk.api.ok("GET", "/api/v1/clients", 200)["items"] if each["name"] != "Acme"
    ]
    assert (client["name"], client["email"], client["language"]) == (
        "Jo O'Client (#7)",
        "jo@client.example",
        "de",
    )
    assert service["client"] == client["name"]
    assert desk.proxy.keys(CREATE) == ["whmcs-12-create-1"]
    assert desk.row()["username"] == f"vm{service['id']}"
    assert desk.call("CreateAccount") == "success" and len(desk.services()) == 1


def test_a_client_is_known_by_number_whatever_their_name(desk: Desk) -> None:
    desk.call("CreateAccount")
    details = {"firstname": "Jo", "lastname": "Married", "email": "jo@new.example", "language": "french"}
    assert desk.call("CreateAccount", 13, clientsdetails=details) == "success"
    names = {each["name"]: each["email"] for each in desk.api.ok("GET", "/api/v1/clients", 200)["items"]}
    assert names == {"Acme": "ops@acme.example", "Jo Married (#7)": "jo@new.example"}
    assert {each["client"] for each in desk.services()} == {"Jo Married (#7)"}


def test_settings_of_the_product_give_way_to_configurable_options(desk: Desk) -> None:
    settings = {"configoption3": "2", "configoption4": "2048", "configoption11": "0"}
    legacy = {
        "CPU|Cores": "CPU|6",
        "RAM": "4",
        "OS": "OS|9001",
        "ipv4": "2",
        "B": "1",
        "S": "",
        "disk": "40 GB",
    }
    assert desk.call("CreateAccount", **settings, configoptions=legacy) == "success"
    assert desk.services()[0]["options"] == {
        "cores": 6,
        "memory": 4096,
        "template": 9001,
        "ipv4": 2,
        "backups": 1,
        "system_disk": 40,
    }


def test_a_reseller_s_token_orders_for_its_own_client(desk: Desk) -> None:
    limited = token("reseller", Role.OPERATOR, clients=("Acme",))
    assert desk.call("CreateAccount", configoption2="Acme", serveraccesshash=limited) == "success"
    assert desk.services()[0]["client"] == "Acme"
    said = desk.call("CreateAccount", 13, serveraccesshash=limited)
    assert "client" in said and len(desk.services()) == 1


def test_another_shop_s_service_is_never_taken_for_one_s_own(desk: Desk) -> None:
    order = {"client": "Acme", "product": "VPS-2", "external_ref": "12"}
    desk.api.ok("POST", "/api/v1/services", json=order)
    assert "has the external reference 12 already" in desk.call("CreateAccount")
    assert len(desk.services()) == 1 and desk.row()["username"] == ""


def test_a_service_that_is_out_of_sight_is_not_terminated_by_saying_so(desk: Desk) -> None:
    ordered(desk)
    limited = token("reseller", Role.OPERATOR, clients=("Acme",))
    said = desk.call("TerminateAccount", serveraccesshash=limited)
    assert said == "kvmtui has no service with the external reference 12. Create it first."


def test_a_terminated_service_can_be_ordered_again(desk: Desk) -> None:
    first = ordered(desk)
    assert desk.call("TerminateAccount") == "success"
    ended(first, "Terminated", "remove")
    assert desk.call("TerminateAccount") == "success"
    assert len(desk.proxy.keys("/terminate")) == 1
    assert "Terminated" in desk.call("Renew")
    assert desk.call("CreateAccount") == "success"
    assert {each["external_ref"]: each["status"] for each in desk.services()} == {
        f"12/{first}": "Terminated",
        "12": "Pending",
    }


def test_a_change_of_package_removes_only_what_the_shop_had_set(desk: Desk) -> None:
    desk.call("CreateAccount", configoptions={"CPU Cores": "4", "RAM": "8"})
    number = desk.services()[0]["id"]
    make_ready(number)
    desk.api.ok("PATCH", f"/api/v1/services/{number}", json={"options": {"bandwidth": 50}})
    changed = {"configoption1": "VPS-4", "configoptions": {"RAM": "16"}}
    assert desk.call("ChangePackage", **changed) == "success"
    (service,) = desk.services()
    assert (service["product"], service["options"]) == ("VPS-4", {"memory": 16384, "bandwidth": 50})
    assert desk.proxy.keys("/change-package") == ["whmcs-12-change-package-1"]


def test_the_admin_s_buttons_reach_the_vm(desk: Desk) -> None:
    ordered(desk)
    buttons = desk.call("AdminCustomButtonArray")
    assert set(buttons.values()) == {"start", "stop", "reboot", "reinstall", "redeploy", "setdns", "novnc"}
    assert desk.call("setdns") == "success" and desk.proxy.keys("/vm/dns") == ["whmcs-12-dns-1"]
    assert desk.call("redeploy") != "success" and desk.proxy.keys("/redeploy") == ["whmcs-12-redeploy-1"]
    assert desk.call("reinstall") == "success" and desk.proxy.keys("/reinstall") == ["whmcs-12-reinstall-1"]
    link = {"url": "https://vnc.example.com/s/only-once", "expires": "2026-04-10T03:49:28Z"}
    desk.proxy.fault("POST .*/console", says(201, link))
    assert desk.call("novnc") == f"window|{link['url']}"
    assert not any("only-once" in json.dumps(each) for each in desk.host.logged)


def test_a_failed_power_request_is_shown_with_its_reason(desk: Desk) -> None:
    ordered(desk)
    ended = {
        "id": 5,
        "state": "failed",
        "action": "Stop",
        "service_id": 1,
        "run_id": None,
        "error": "VM is locked.",
    }
    desk.proxy.fault("GET /api/v1/requests/", says(200, ended))
    assert desk.call("stop") == "VM is locked."


def test_a_client_s_buttons_do_what_the_product_permits(desk: Desk) -> None:
    ordered(desk)
    buttons = desk.call("ClientAreaCustomButtonArray", language="german")
    assert buttons == {
        "Starten": "clientstart",
        "Herunterfahren": "clientshutdown",
        "Neu starten": "clientreboot",
    }
    product = Product.get(Product.name == "VPS-2")
    product.spec = {**product.spec, "permissions": {"start": True, "stop": False}}
    product.save()
    for name in ("clientshutdown", "clientreboot"):
        assert desk.call(name) == "Your plan does not include this."
    assert desk.proxy.keys("/vm/(shutdown|reboot)") == []
    desk.proxy.fault("POST .*/vm/start", problem(409, "Internal 10.0.0.11 is down."))
    assert desk.call("clientstart") == "The VM cannot be reached now. Try again later."


def test_the_admin_tab_shows_the_vm_and_saves_reverse_names(desk: Desk) -> None:
    number, address = ordered(desk), "192.0.2.10"
    vm = Vm.get(Vm.service == number)
    Address.create(server=vm.server, bridge="vmbr0", address=address, vm=vm, prefix=24)
    Vm.update(error="<script>alert(1)</script>", error_since=now_ms()).where(Vm.service == number).execute()
    fields = desk.call("AdminServicesTabFields")
    assert str(2000 + number) in fields["VMID"] and "ready" in fields["VM status"]
    assert "&lt;script&gt;" in fields["Stuck"] and "<script>" not in json.dumps(fields)
    assert f'name="modulefields[rdns][{address}]"' in fields["Reverse DNS"]
    desk.call("AdminServicesTabFieldsSave", post={"modulefields": {"rdns": {address: "mail.client.example"}}})
    desk.call("AdminServicesTabFieldsSave", post={"modulefields": {"rdns": {address: "mail.client.example"}}})
    desk.call("AdminServicesTabFieldsSave", post={})
    assert desk.proxy.keys("PUT .*/rdns/") == ["whmcs-12-rdns-1"]
    desk.call("AdminServicesTabFieldsSave", post={"modulefields": {"rdns": {address: "no name"}}})
    assert any("was not saved" in each.get("message", "") for each in desk.host.logged)
    said = desk.call("AdminServicesTabFields", serverport="9")
    assert list(said) == ["kvmtui"] and "Cannot reach" in said["kvmtui"]


def test_the_client_area_shows_the_vm_and_no_details_of_a_failure(desk: Desk) -> None:
    assert desk.call("ClientArea")["templateVariables"]["vm"] is None
    desk.call("CreateAccount")
    shown = desk.call("ClientArea", language="polish")["templateVariables"]
    assert shown["vm"]["state"] == "W trakcie instalacji" and shown["lang"]["manage"] == "Zarządzaj maszyną"
    number = desk.services()[0]["id"]
    make_ready(number)
    for change, state in (
        ({"remote_status": "running"}, "Running"),
        ({"remote_status": "stopped"}, "Stopped"),
        ({"vm_status": "cp_stop"}, "Being changed"),
        ({"vm_status": "error_terminate", "error": "10.0.0.11 refused"}, "Removed"),
    ):
        Vm.update(**change).where(Vm.service == number).execute()
        found = desk.call("ClientArea", language="klingon")["templateVariables"]
        assert found["vm"]["state"] == state and "10.0.0.11" not in json.dumps(found["vm"])
    assert desk.call("ClientArea", serverport="9")["templateVariables"]["vm"] is None


def test_single_sign_on_leads_to_the_client_s_page(desk: Desk) -> None:
    desk.call("CreateAccount")
    link = {"url": "https://vm.example.com/c/only-once", "expires": "2026-04-10T03:50:18Z"}
    desk.proxy.fault("POST .*/session", says(201, link))
    assert desk.call("ServiceSingleSignOn") == {"success": True, "redirectTo": link["url"]}
    assert not any("only-once" in json.dumps(each) for each in desk.host.logged)
    desk.proxy.fault("POST .*/session", problem(409, "VM is stuck at 10.0.0.11."))
    failed = desk.call("ServiceSingleSignOn")
    assert failed == {"success": False, "errorMsg": "The VM cannot be reached now. Try again later."}
    assert [each.body for each in desk.proxy.seen if each.path.endswith("/session")] == [None, None]
    desk.proxy.fault("POST .*/session", problem(409, "VM is stuck at 10.0.0.11."))
    assert desk.call("ServiceSingleSignOn", admin=True)["errorMsg"] == "VM is stuck at 10.0.0.11."
    assert desk.proxy.seen[-1].body == {"view": True}


def test_single_sign_on_opens_the_real_page(desk: Desk) -> None:
    ordered(desk)
    found = desk.call("ServiceSingleSignOn")
    assert found["success"] and httpx.get(found["redirectTo"], trust_env=False).status_code < 400
    secret = found["redirectTo"].rpartition("/")[2]
    assert len(secret) > 20 and not any(secret in json.dumps(each) for each in desk.host.logged)
    assert desk.call("ServiceSingleSignOn", admin=True)["success"]


def test_usage_is_that_of_the_month_and_only_of_this_server(desk: Desk) -> None:
    assert (
        desk.call("CreateAccount", configoptions={"System Disk": "40", "Additional Disk": "10"}) == "success"
    )
    assert desk.call("CreateAccount", 13) == "success"
    numbers = {each["external_ref"]: each["id"] for each in desk.services()}
    desk.api.ok("POST", "/api/v1/services", json={"client": "Acme", "product": "VPS-2", "external_ref": "77"})
    hour = now_ms() // 3_600_000 * 3_600_000
    for each, vm in enumerate(Vm.select()):
        Traffic.create(
            vm=vm.id, service=vm.service_id, hour=hour, bytes_in=3 << 30, bytes_out=(1 + each) << 30
        )
        long_ago = hour - 63 * 86_400_000
        Traffic.create(vm=vm.id, service=vm.service_id, hour=long_ago, bytes_in=9 << 40, bytes_out=9 << 40)
    assert desk.call("UsageUpdate") == "success"
    row = desk.row()
    assert (row["bwusage"], row["diskusage"], row["disklimit"]) == (4096, 51200, 51200)
    assert desk.row(13)["bwusage"] == 5120 and row["lastupdate"]

    assert desk.call("MetricProvider", names=True) == ["traffic_in", "traffic_out", "disk", "backups"]
    measured = {"traffic_in": 3, "traffic_out": 1, "disk": 50}
    found = desk.call("MetricProvider")
    assert set(found) == {f"vm{numbers['12']}", f"vm{numbers['13']}"}
    assert found[f"vm{numbers['12']}"] == measured  # its backups cannot be counted now: the cluster is away
    Product.update(spec={**SPEC, "backups": 0, "backup_storage": ""}).execute()
    assert desk.call("MetricProvider", tenant=f"vm{numbers['12']}") == {**measured, "backups": 0}
    assert desk.call("MetricProvider", tenant="vm999")["traffic_in"] is None
    assert not desk.call("MetricProvider", serverid=2) and not desk.call("MetricProvider", serverport="9")

    listed = desk.call("ListAccounts")
    assert listed["success"] and {each["username"] for each in listed["accounts"]} >= set(found)
    account = next(each for each in listed["accounts"] if each["username"] == f"vm{numbers['12']}")
    assert (account["email"], account["product"], account["status"]) == (
        "jo@client.example",
        "VPS-2",
        "Pending",
    )
    assert account["uniqueIdentifier"] == account["username"]
    assert desk.call("ListAccounts", serverport="9")["success"] is False


def test_the_settings_offer_the_products_of_kvmtui(desk: Desk) -> None:
    assert desk.call("ProductLoader") == {"VPS-2": "VPS-2 (pve1)", "VPS-4": "VPS-4 (pve1)"}
    fields = desk.call("ConfigOptions")
    assert list(fields)[:3] == ["Product", "Client", "CPU Cores"] and len(fields) == 20
    assert fields["Product"]["Loader"] == "kvmtui_ProductLoader"
    assert desk.call("MetaData")["ListAccountsProductField"] == "configoption1"


def test_the_connection_test_needs_a_good_token(desk: Desk) -> None:
    assert desk.call("TestConnection") == {"success": True, "error": ""}
    wrong = desk.call("TestConnection", serveraccesshash="kvt_wrong")
    assert not wrong["success"] and "token" in wrong["error"]
    missing = desk.call("TestConnection", serveraccesshash="")
    assert missing["error"] == "The API token is missing. Enter the kvt_… token that kvmtui created."
    bad = desk.call("TestConnection", serverhostname="127.0.0.1/evil@x")
    assert "not valid" in bad["error"]


def test_a_product_addon_is_refused(desk: Desk) -> None:
    assert "addons" in desk.call("CreateAccount", addonId=4) and desk.services() == []


def test_a_failure_of_the_shop_s_own_is_logged_and_not_shown(desk: Desk) -> None:
    desk.host.state.write_text(json.dumps({}))
    said = desk.call("UsageUpdate")
    assert said == "The kvmtui module failed. The reason is in the module log of WHMCS."
    assert any("tblhosting" in str(each.get("response")) for each in desk.host.logged)


def test_the_module_log_has_every_call_and_never_a_secret(desk: Desk) -> None:
    desk.call("CreateAccount")
    entries = [each for each in desk.host.logged if "request" in each]
    assert any(
        each["request"].startswith("POST /services\nIdempotency-Key: whmcs-12-create-1") for each in entries
    )
    assert all({desk.api.token, PASSWORD} <= set(each["replace"]) for each in entries)
    assert {each["action"] for each in entries} == {"CreateAccount"}
