"""The server extension for Paymenter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.store.models import Request, Service
from tests.api.conftest import Api, make_ready
from tests.contrib.hosts import Failed, Host, Proxy, lost, problem, says, stuck

CREATE = "POST /api/v1/services$"


class PaymenterCounter:
    """A Paymenter whose server is the proxy."""

    def __init__(self, api: Api, proxy: Proxy, host: Host) -> None:
        self.api, self.proxy, self.host = api, proxy, host
        self.config = {"host": f"http://127.0.0.1:{proxy.port}/", "token": api.token, "client": ""}

    def call(self, name: str, service: int = 5, **more: Any) -> Any:
        """What the extension answers about a service."""
        return self.host.call(name, service=service, **self.given(more))

    def given(self, more: dict[str, Any]) -> dict[str, Any]:
        """The settings of the server and of the product."""
        config = self.config | more.pop("config", {})
        settings = {"product": "VPS-2"} | more.pop("settings", {})
        return {"config": config, "settings": settings, **more}

    def service(self) -> dict[str, Any]:
        """The only service that kvmtui has."""
        (found,) = self.api.ok("GET", "/api/v1/services", 200)["items"]
        return dict(found)


@pytest.fixture
def counter(front: tuple[Api, Proxy], shop: Callable[..., Host]) -> PaymenterCounter:
    """A Paymenter without services."""
    api, proxy = front
    return PaymenterCounter(api, proxy, shop("paymenter", api.token))


def test_an_order_becomes_one_service_with_what_the_client_chose(counter: PaymenterCounter) -> None:
    settings = {"cores": "2", "memory": "2048", "backups": "", "templates": "9001 = Debian\n9002 = Ubuntu"}
    chosen = {"template": "9001", "memory": "4096", "colour": "red"}
    made = counter.call("createServer", settings=settings, properties=chosen)
    service = counter.service()
    assert made == {"service": service["id"], "product": "VPS-2"}
    assert service["external_ref"] == "paymenter-5" and service["client"] == "Jo Client (Paymenter #7)"
    assert service["options"] == {"cores": 2, "memory": 4096, "template": 9001}
    assert counter.proxy.keys(CREATE) == ["paymenter-5-create-1"]


def test_a_client_of_another_shop_with_the_same_number_keeps_its_name(counter: PaymenterCounter) -> None:
    client = {"name": "Jo O'Client (#7)", "email": "jo@other.example"}
    counter.api.ok("POST", "/api/v1/clients", json=client)
    counter.call("createServer")
    found = counter.api.ok("GET", "/api/v1/clients", 200)["items"]
    assert {"Jo O'Client (#7)", "Jo Client (Paymenter #7)"} <= {each["name"] for each in found}


def test_an_operating_system_that_is_not_offered_is_refused(counter: PaymenterCounter) -> None:
    with pytest.raises(Failed, match="not one of those"):
        counter.call("createServer", settings={"templates": "9001"}, properties={"template": "9002"})
    assert counter.proxy.keys(CREATE) == []


def test_a_fixed_client_gets_every_vm(counter: PaymenterCounter) -> None:
    counter.call("createServer", config={"client": "Acme"})
    assert counter.service()["client"] == "Acme"


def test_an_order_that_timed_out_or_was_killed_is_continued(counter: PaymenterCounter) -> None:
    counter.proxy.fault(CREATE, lost, times=3)
    with pytest.raises(Failed, match="Cannot reach kvmtui"):
        counter.call("createServer")
    assert counter.call("createServer")["service"] == counter.service()["id"]
    make_ready(counter.service()["id"])
    counter.proxy.fault("/suspend", stuck)
    counter.host.send("suspendServer", service=5, **counter.given({}))
    assert counter.proxy.reached.wait(30)
    counter.host.kill()
    assert counter.call("suspendServer") is True
    assert counter.proxy.keys("/suspend") == ["paymenter-5-suspend-1"] * 2
    assert Request.select().where(Request.action == "Suspend").count() == 1


def test_a_whole_service_without_an_engine(counter: PaymenterCounter) -> None:
    counter.call("createServer", properties={"cores": "4"})
    make_ready(counter.service()["id"])
    assert counter.call("upgradeServer", settings={"product": "VPS-4"}) is True
    assert (counter.service()["product"], counter.service()["options"]) == ("VPS-4", {})
    Request.update(state="done").execute()
    make_ready(counter.service()["id"])
    Service.update(status="Suspended").execute()
    assert counter.call("unsuspendServer") is True
    Request.update(state="done").execute()
    assert counter.call("terminateServer") is True and counter.proxy.keys("/terminate") == [
        "paymenter-5-terminate-1"
    ]
    for name in ("suspendServer", "terminateServer"):
        with pytest.raises(Failed, match="paymenter-99"):
            counter.call(name, 99)


def test_settings_offer_products_and_the_checkout_operating_systems(counter: PaymenterCounter) -> None:
    assert [each["name"] for each in counter.call("getConfig")] == ["host", "token", "client"]
    fields = {each["name"]: each for each in counter.call("getProductConfig")}
    assert fields["product"]["options"] == {"VPS-2": "VPS-2 (pve1)", "VPS-4": "VPS-4 (pve1)"}
    (field,) = counter.call("getCheckoutConfig", settings={"templates": "9001=Debian 13\r\n\r\nubuntu"})
    assert field["name"] == "template" and field["options"] == {"9001": "Debian 13", "ubuntu": "ubuntu"}
    assert counter.call("getCheckoutConfig") == []
    counter.host.kill()
    counter.host.state.write_text('{"settings": {"templates": {"value": "9002=Ubuntu"}}}')
    (field,) = counter.call("getCheckoutConfig")
    assert field["options"] == {"9002": "Ubuntu"}


def test_the_configuration_test_needs_a_good_token(counter: PaymenterCounter) -> None:
    assert counter.call("testConfig") is True
    assert "token" in counter.call("testConfig", config={"token": "kvt_wrong"})
    assert "Cannot reach" in counter.call("testConfig", config={"host": "http://127.0.0.1:9"})
    with pytest.raises(Failed, match="kvmtui product"):
        counter.call("createServer", settings={"product": ""})


def test_the_button_leads_to_the_client_s_page_and_hides_failures(counter: PaymenterCounter) -> None:
    counter.call("createServer")
    (button,) = counter.call("getActions", language="fr")
    assert (button["type"], button["function"], button["label"]) == ("button", "ssoLink", "Gérer la VM")
    link = {"url": "https://vm.example.com/c/only-once", "expires": "2026-04-10T03:50:18Z"}
    counter.proxy.fault("POST .*/session", says(201, link))
    assert counter.call("ssoLink") == link["url"]
    counter.proxy.fault("POST .*/session", problem(409, "stuck at 10.0.0.11"))
    with pytest.raises(Failed) as failed:
        counter.call("ssoLink")
    assert "10.0.0.11" not in str(failed.value)
