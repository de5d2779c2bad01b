"""What a request costs: few statements, however many clients and services there are, and no wait for a slow network."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.queries.events import EventView
from engine.store.models import Client, Request, Service, Vm
from kvmtui.api.operations.requests import Messages
from kvmtui.api.serving import Connection
from tests.api.conftest import Api, make_ready, site
from tests.api.statements import watched

ORDER = {"client": "Acme", "product": "VPS-2"}
MOST = {
    "GET /services/1": 5,
    "GET /services": 3,
    "GET /services/1/vm": 6,
    "POST /services": 25,
    "PATCH /services/1": 22,
    "POST /services/1/vm/reboot": 21,
}


def test_each_operation_runs_no_more_statements_than_it_needs(api: Api) -> None:
    site()
    api.ok("POST", "/api/v1/services", json=ORDER, headers={"Idempotency-Key": "first"})
    make_ready(1)
    Client.insert_many([{"name": f"client {number}"} for number in range(300)]).execute()
    bodies = {"POST /services": ORDER, "PATCH /services/1": {"notes": "paid"}}
    with watched() as since:
        for name in MOST:
            method, path = name.split()
            answer = api.http.request(
                method,
                f"/api/v1{path}",
                json=bodies.get(name),
                headers={"Idempotency-Key": name.replace(" ", "")},
            )
            assert answer.status_code in (200, 202), answer.text
            found = since()
            assert len(found) <= MOST[name], "\n".join([name, *found])


def test_an_order_reads_no_other_clients(api: Api) -> None:
    site()
    with watched() as since:
        api.ok("POST", "/api/v1/services", json=ORDER)
        (read,) = [each for each in since() if 'FROM "client"' in each]
    assert 'WHERE ("t1"."name" IN (?))' in read


def test_answers_are_sent_at_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TCP_NODELAY each answer waits up to 40 ms for the acknowledgement of its headers."""
    real, found = Connection.connection_made, []

    def connection_made(self: Connection, transport: Any) -> None:
        real(self, transport)
        found.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Connection, "connection_made", connection_made)
    assert api.get("/api/v1/health").status_code == 200
    assert found and all(found)


def test_the_program_is_no_work_for_the_garbage_collector(api: Api) -> None:
    assert api.get("/api/v1/health").status_code == 200
    assert gc.get_freeze_count() > 10_000


def test_an_order_whose_id_was_used_before_answers_its_own_request(api: Api) -> None:
    site()
    first = api.ok("POST", "/api/v1/services", json=ORDER)["request"]
    make_ready(1)
    Vm.delete().execute()
    Service.delete().execute()
    second = api.ok("POST", "/api/v1/services", json=ORDER)["request"]
    assert first["service_id"] == second["service_id"] and first["id"] < second["id"]
    assert Request.select().count() == 2


def test_what_is_pending_is_of_each_service_in_a_list(api: Api) -> None:
    site()
    for product in ("VPS-2", "VPS-2", "VPS-2", "VPS-4"):
        number = api.ok("POST", "/api/v1/services", json=ORDER | {"product": product})["request"][
            "service_id"
        ]
        make_ready(number)
        plan: dict[str, Any] = {"template": 9002, "snapshots": 3, "backups": 2, "backup_storage": "backup"}
        Vm.update(plan=plan | ({"cores": 8} if number == 2 else {})).where(Vm.service == number).execute()
    api.ok("PATCH", "/api/v1/services/3", json={"options": {"memory": 4096}})
    api.ok("PATCH", "/api/v1/services/4", json={"options": {"cores": 2}})
    found = api.ok("GET", "/api/v1/services", 200)["items"]
    assert [[(each["field"], each["old"], each["new"]) for each in one["pending"]] for one in found] == [
        [],
        [("cores", 8, 1)],
        [("memory", 1024, 4096)],
        [("cores", 1, 2)],
    ]
    one = api.ok("GET", "/api/v1/services/3", 200)
    assert one["pending"] == found[2]["pending"]


def test_an_event_is_encoded_once_for_all_streams() -> None:
    messages = Messages(most=2)
    event = EventView(1, 0, "note", "info", "text")
    assert messages.of(event) is messages.of(event)
    assert messages.of(event).startswith(b"id: 1\nevent: note\ndata: {")
    first = messages.of(event)
    for number in (2, 3):
        messages.of(EventView(number, 0, "note", "info", "text"))
    assert messages.of(event) is not first, "nothing is forgotten"


def test_a_burst_of_orders_takes_few_threads(serve: Callable[..., Api]) -> None:
    """Each thread that writes holds a connection; on SQLite they only wait for each other."""
    api = serve(threads=32)
    site()
    before = set(threading.enumerate())
    with ThreadPoolExecutor(30) as pool:
        sent = [pool.submit(api.ok, "POST", "/api/v1/services", json=ORDER) for _ in range(30)]
        for each in sent:
            each.result()
        started = [each.name for each in set(threading.enumerate()) - before]
    assert sum(name.startswith("kvmtui-api") for name in started) <= 10, started
