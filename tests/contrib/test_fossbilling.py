"""The server manager for FOSSBilling, which makes a new user name each time it tries to activate an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.roles import Role
from engine.store.models import Address, Request, Service, Vm
from tests.api.conftest import Api, make_ready, token
from tests.contrib.hosts import Failed, Host, Proxy, dropped, lost, problem, says, stuck

CREATE = "POST /api/v1/services$"


class FossbillingCounter:
    """A FOSSBilling whose server is the proxy."""

    def __init__(self, api: Api, proxy: Proxy, host: Host) -> None:
        self.api, self.proxy, self.host = api, proxy, host

    def call(self, name: str, order: int = 1, **more: Any) -> Any:
        """What the manager answers about an order."""
        server = {"ip": "127.0.0.1", "host": "127.0.0.1", "port": self.proxy.port, "secure": 0}
        server |= {"accesshash": self.api.token, "username": "", "config": {}} | more.pop("server", {})
        return self.host.call(name, order=order, server=server, domain=f"vm{order}.client.example", **more)

    def services(self) -> dict[str, dict[str, Any]]:
        """What kvmtui has, by external reference."""
        items = self.api.ok("GET", "/api/v1/services", 200)["items"]
        return {each["external_ref"]: each for each in items}

    def username(self, order: int = 1) -> str:
        """What FOSSBilling calls the service of an order."""
        return str(self.host.tables["orders"][str(order)]["username"])


@pytest.fixture
def counter(front: tuple[Api, Proxy], shop: Callable[..., Host]) -> FossbillingCounter:
    """A FOSSBilling without orders."""
    api, proxy = front
    return FossbillingCounter(api, proxy, shop("fossbilling", api.token))


def test_an_order_becomes_one_service_by_its_user_name(counter: FossbillingCounter) -> None:
    assert counter.call("activate", custom={"cores": "4", "memory": "8192", "ftp": "1"}) is True
    (service,) = counter.services().values()
    assert service["external_ref"] == f"fossbilling-{counter.username()}"
    assert service["options"] == {"cores": 4, "memory": 8192} and service["client"].startswith("Jo Client (")
    assert counter.proxy.keys(CREATE) == [f"fossbilling-{counter.username()}-create-1"]
    assert counter.call("activate", 2, plan="Large VPS", custom={"product": "VPS-4"}) is True
    assert {each["product"] for each in counter.services().values()} == {"VPS-2", "VPS-4"}
    assert len({each["client"] for each in counter.services().values()}) == 1


def test_a_fixed_client_gets_every_vm(counter: FossbillingCounter) -> None:
    counter.call("activate", server={"username": "Acme"})
    assert [each["client"] for each in counter.services().values()] == ["Acme"]


@pytest.mark.parametrize("fault", [lost, dropped], ids=["the answer is lost", "the call is lost"])
def test_an_order_that_timed_out_is_continued_under_its_new_user_name(
    counter: FossbillingCounter, fault: Any
) -> None:
    counter.proxy.fault(CREATE, fault, times=3)
    with pytest.raises(Failed, match="Cannot reach kvmtui"):
        counter.call("activate")
    assert counter.call("activate") is True
    assert list(counter.services()) == [f"fossbilling-{counter.username()}"]
    assert len(set(counter.proxy.keys(CREATE))) == 1


def test_an_order_whose_renaming_timed_out_is_found_again(counter: FossbillingCounter) -> None:
    counter.proxy.fault(CREATE, lost, times=3)
    with pytest.raises(Failed):
        counter.call("activate")
    counter.proxy.fault("PATCH /api/v1/services/", lost, times=3)
    with pytest.raises(Failed):
        counter.call("activate")
    assert counter.call("activate") is True
    assert list(counter.services()) == [f"fossbilling-{counter.username()}"]


def test_a_process_killed_while_ordering_leaves_one_service(counter: FossbillingCounter) -> None:
    counter.proxy.fault(CREATE, stuck)
    server = {"host": "127.0.0.1", "port": counter.proxy.port, "secure": 0, "accesshash": counter.api.token}
    counter.host.send("activate", order=1, server=server, domain="vm1.client.example")
    assert counter.proxy.reached.wait(30)
    counter.host.kill()
    assert counter.call("activate") is True
    assert list(counter.services()) == [f"fossbilling-{counter.username()}"]


def test_a_refused_order_can_be_corrected(counter: FossbillingCounter) -> None:
    with pytest.raises(Failed, match="VPS-9"):
        counter.call("activate", plan="VPS-9")
    assert counter.call("activate") is True and len(counter.services()) == 1


def test_a_second_order_of_the_same_host_name_is_a_second_service(counter: FossbillingCounter) -> None:
    counter.call("activate")
    first = counter.username()
    assert counter.call("activate") is True
    assert set(counter.services()) == {f"fossbilling-{first}", f"fossbilling-{counter.username()}"}


def test_suspension_has_its_reason_and_one_key_each_time(counter: FossbillingCounter) -> None:
    counter.call("activate")
    number = next(iter(counter.services().values()))["id"]
    make_ready(number)
    counter.proxy.fault("/suspend", lost, times=3)
    with pytest.raises(Failed):
        counter.call("suspendAccount", note="not paid")
    assert counter.call("suspendAccount", note="not paid") is True
    assert set(counter.proxy.keys("/suspend")) == {f"fossbilling-{counter.username()}-suspend-1"}
    Request.update(state="done").execute()
    Service.update(status="Suspended").execute()
    assert counter.call("sync") is True
    assert counter.call("unsuspendAccount") is True
    Request.update(state="done").execute()
    assert counter.call("cancelAccount", note="ended") is True
    assert counter.proxy.keys("/terminate") == [f"fossbilling-{counter.username()}-terminate-1"]


def test_cancelling_deletes_nothing_only_if_nothing_was_ordered(counter: FossbillingCounter) -> None:
    assert counter.call("cancelAccount", 8) is True
    counter.call("activate")
    with pytest.raises(Failed, match="no service with the external reference"):
        counter.call("cancelAccount", server={"accesshash": token("other", Role.OPERATOR, clients=("Acme",))})


def test_a_change_of_plan_is_a_change_of_package(counter: FossbillingCounter) -> None:
    counter.call("activate", custom={"cores": "4"})
    make_ready(next(iter(counter.services().values()))["id"])
    assert counter.call("changeAccountPackage", plan="VPS-4", custom={"memory": "4096"}) is True
    (service,) = counter.services().values()
    assert (service["product"], service["options"]) == ("VPS-4", {"memory": 4096})


def test_a_user_name_can_be_changed_to_one_that_is_free(counter: FossbillingCounter) -> None:
    counter.call("activate")
    counter.call("activate", 2)
    taken = counter.username(2)
    with pytest.raises(Failed, match="taken"):
        counter.call("changeAccountUsername", new=taken)
    with pytest.raises(Failed, match="letters and digits"):
        counter.call("changeAccountUsername", new="a b")
    counter.proxy.fault("PATCH /api/v1/services/", lost, times=3)
    with pytest.raises(Failed, match="cannot be reached now"):
        counter.call("changeAccountUsername", new="web1")
    assert counter.call("changeAccountUsername", new="web1") is True
    assert set(counter.services()) == {"fossbilling-web1", f"fossbilling-{taken}"}


def test_an_account_is_synchronized_with_its_address(counter: FossbillingCounter) -> None:
    counter.call("activate")
    vm = Vm.get()
    Address.create(server=vm.server, bridge="vmbr0", address="192.0.2.10", vm=vm, prefix=24)
    assert counter.call("sync") is False
    assert counter.host.tables["orders"]["1"]["ip"] == "192.0.2.10"


def test_what_kvmtui_does_not_do_is_refused_with_the_reason(counter: FossbillingCounter) -> None:
    counter.call("activate")
    for name, new in (("changeAccountDomain", "new.example"), ("changeAccountIp", "192.0.2.9")):
        with pytest.raises(Failed, match="kvmtui"):
            counter.call(name, new=new)


def test_links_lead_to_the_client_s_page_and_hide_failures(counter: FossbillingCounter) -> None:
    counter.call("activate")
    link = {"url": "https://vm.example.com/c/only-once", "expires": "2026-04-10T03:50:18Z"}
    for name in ("getLoginUrl", "getResellerLoginUrl"):
        counter.proxy.fault("POST .*/session", says(201, link))
        assert counter.call(name) == link["url"]
    assert counter.call("getLoginUrl", 0) == ""
    counter.proxy.fault("POST .*/session", problem(409, "stuck at 10.0.0.11"))
    with pytest.raises(Failed) as failed:
        counter.call("getLoginUrl")
    assert "10.0.0.11" not in str(failed.value)
    counter.proxy.fault("POST .*/vm/password", problem(409, "stuck at 10.0.0.11"))
    with pytest.raises(Failed) as failed:
        counter.call("changeAccountPassword", new="Passw0rd-of-shop")
    assert "10.0.0.11" not in str(failed.value)


def test_the_server_form_and_its_test(counter: FossbillingCounter) -> None:
    fields = counter.call("getForm")["form"]["credentials"]["fields"]
    assert [each["name"] for each in fields] == ["accesshash", "username"]
    assert counter.call("testConnection") is True
    with pytest.raises(Failed, match="API token"):
        counter.call("testConnection", server={"accesshash": ""})
    with pytest.raises(Failed, match="token"):
        counter.call("testConnection", server={"accesshash": "kvt_wrong"})
