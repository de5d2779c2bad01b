"""Reads: the documents of the command line, lists a page at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.actions import orders
from engine.actions.orders import OrderForm, ServiceChange
from engine.clock import now_ms
from engine.queries.documents import plain
from engine.queries.vms import vms
from engine.store.models import Client, Traffic, Vm
from tests.api.conftest import ADMIN, Api, site


def order(*numbers: int) -> None:
    for number in numbers:
        product = "VPS-4" if number % 3 else "VPS-2"
        orders.order(OrderForm(id=number, client="Acme", product=product), ADMIN)


def every(api: Api, path: str, limit: int = 3) -> list[Any]:
    """All items of a list, page by page."""
    found: list[Any] = []
    after = ""
    while True:
        mark = "&" if "?" in path else "?"
        page = api.ok("GET", f"{path}{mark}limit={limit}&after={after}", 200)
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next"] is None:
            return found
        after = page["next"]


def test_a_vm_is_the_object_of_vm_list(api: Api) -> None:
    site()
    order(5546)
    (listed,) = json.loads(json.dumps(plain(vms())))
    assert api.ok("GET", "/api/v1/vms", 200)["items"] == [listed]
    assert api.ok("GET", "/api/v1/services/5546/vm", 200) == listed


@pytest.mark.parametrize("sort", ["", "-id", "product", "-product", "vm", "client", "-status"])
def test_pages_hold_every_service_once_in_order(api: Api, sort: str) -> None:
    site()
    order(*range(1, 12))
    field = sort.removeprefix("-") or "id"
    found = every(api, f"/api/v1/services?sort={sort}")
    assert sorted(each["id"] for each in found) == list(range(1, 12))
    keys = [each[field] for each in found]
    assert keys == sorted(keys, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", ["id", "-since", "node", "server", "-client", "service"])
def test_pages_hold_every_vm_once(api: Api, sort: str) -> None:
    site()
    order(*range(1, 9))
    Vm.update(node="pve2", error="no space", error_since=5).where(Vm.service.in_([2, 4])).execute()
    found = every(api, f"/api/v1/vms?sort={sort}")
    assert sorted(each["service_id"] for each in found) == list(range(1, 9))
    stuck = every(api, f"/api/v1/vms?sort={sort}&q=is:stuck")
    assert sorted(each["service_id"] for each in stuck) == [2, 4]


def test_a_page_is_not_moved_by_what_is_added_before_it(api: Api) -> None:
    site()
    order(10, 20, 30, 40)
    first = api.ok("GET", "/api/v1/services?limit=2", 200)
    order(5, 15)
    second = api.ok("GET", f"/api/v1/services?limit=2&after={first['next']}", 200)
    assert [each["id"] for each in second["items"]] == [30, 40] and second["next"] is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/api/v1/products", "VPS-2"),
        ("/api/v1/servers", "pve1"),
        ("/api/v1/clients", "Acme"),
    ],
)
def test_lists_of_the_site(api: Api, path: str, name: str) -> None:
    site()
    assert name in [each["name"] for each in every(api, path, 1)]
    assert [each["name"] for each in api.ok("GET", f"{path}?q={name.lower()}", 200)["items"]] == [name]


def test_a_product_and_a_server_by_name(api: Api) -> None:
    site()
    assert api.ok("GET", "/api/v1/products/VPS-2", 200)["server"] == "pve1"
    assert api.ok("GET", "/api/v1/servers/pve1", 200)["products"] == 2
    api.problem("GET", "/api/v1/products/VPS-9", 404)


def test_no_secret_is_in_any_read(api: Api) -> None:
    site()
    order(1)
    for path in ("servers", "zones", "products", "vms", "services", "clients", "audit", "services/1"):
        text = api.get(f"/api/v1/{path}").text
        assert "password" not in text.lower() or '"os_password"' not in text


@pytest.mark.parametrize("what", ["snapshots", "backups", "iso"])
def test_a_removed_vm_has_no_lists(api: Api, what: str) -> None:
    site()
    order(1)
    Vm.update(vm_status="remove", node="").execute()
    found = api.problem("GET", f"/api/v1/services/1/vm/{what}", 409)
    assert found["detail"].endswith("is removed; only its record is left.")


def test_the_other_lists_answer(api: Api) -> None:
    site()
    order(1)
    every = api.ok("GET", "/api/v1/tasks", 200)["items"]
    first = api.ok("GET", "/api/v1/tasks?limit=4", 200)
    rest = api.ok("GET", f"/api/v1/tasks?limit=4&after={first['next']}", 200)
    pages = first["items"] + rest["items"]
    for each in (*every, *pages):
        del each["next_run"]  # now, as none has run
    assert len(every) == 6 and pages == every and rest["next"] is None
    for path in ("pools", "zones", "usage?month=2026-04", "services/1/vm/log"):
        assert api.ok("GET", f"/api/v1/{path}", 200) == {"items": [], "next": None}
    assert api.ok("GET", "/api/v1/services/1/usage", 200) == {"items": [], "next": None, "quota": None}
    assert api.ok("GET", "/api/v1/services/1/vm/backup-schedule", 200) == {"days": [], "at": ""}


def test_usage_and_service_show_the_traffic_quota(api: Api) -> None:
    site()
    order(1)
    orders.change_service(1, ServiceChange(options={"traffic_gib": 100, "traffic_counts": "in"}), ADMIN)
    vm = Vm.get(Vm.service == 1)
    Traffic.insert(vm=vm.id, service=1, hour=now_ms(), bytes_in=90 * 2**30, bytes_out=2**40).execute()
    usage = api.ok("GET", "/api/v1/services/1/usage", 200)
    assert [each["bytes_in"] for each in usage["items"]] == [90 * 2**30]
    quota = usage["quota"]
    assert (quota["used"], quota["limit"], quota["percent"]) == (90 * 2**30, 100 * 2**30, 90)
    assert (quota["state"], quota["counts"], quota["action"]) == ("warned", "in", "notify")
    assert api.ok("GET", "/api/v1/services/1", 200)["traffic_quota"] == quota
    assert quota["resets"].endswith("Z") and quota["month"] == usage["items"][0]["month"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "after=x",
        "after=WyJhIiwiYiJd",
        "sort=nothing",
        "after=" + "A" * 1001,
    ],
)
def test_bad_paging_is_bad_input(api: Api, query: str) -> None:
    site()
    order(1)
    for path in ("services", "vms", "clients", "products"):
        found = api.problem("GET", f"/api/v1/{path}?{query}", 422)
        assert found["errors"][0]["path"] == query.partition("=")[0]


def test_the_audit_is_read_backwards_page_by_page(api: Api) -> None:
    site()
    order(1, 2, 3)
    numbers = [each["id"] for each in every(api, "/api/v1/audit", 2)]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) == len(set(numbers)) >= 4
    assert {each["kind"] for each in every(api, "/api/v1/audit?q=object:service", 2)} == {"service"}


def test_the_dns_list_is_off_until_an_address_is_allowed(serve: Callable[..., Api]) -> None:
    closed = serve()
    del closed.http.headers["Authorization"]
    assert "dns_allow" in closed.problem("GET", "/dns.json", 403)["detail"]
    opened = serve(dns_allow=["127.0.0.0/8"])
    assert opened.ok("GET", "/dns.json", 200) == []


def test_a_client_list_does_not_depend_on_the_number_of_clients(api: Api) -> None:
    Client.insert_many([{"name": f"c{number:04}"} for number in range(300)]).execute()
    assert len(every(api, "/api/v1/clients?sort=name", 50)) == 300


def test_short_lists_are_filtered_and_sorted(api: Api) -> None:
    every = [each["task"] for each in api.get("/api/v1/tasks").json()["items"]]
    assert [each["task"] for each in api.get("/api/v1/tasks?sort=-task").json()["items"]] == sorted(
        every, reverse=True
    )
    first = every[0]
    assert [each["task"] for each in api.get(f"/api/v1/tasks?q={first.upper()}").json()["items"]] == [first]
    assert api.get("/api/v1/tasks?sort=colour").status_code == 422
