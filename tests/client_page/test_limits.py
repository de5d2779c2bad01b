"""Limits and states: one request at a time, many sessions at once, and what a stuck or suspended service says."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from engine.actions.client_sessions import create_link, enter
from engine.clock import now_ms
from engine.store.database import in_transaction, session
from engine.store.models import Product, Request, Service, Vm
from tests.api.conftest import ADMIN, Api
from tests.api.conftest import api as api
from tests.api.conftest import serve as serve
from tests.client_page.test_attacks import fields, requested, visit
from tests.client_page.test_attacks import site as site
from tests.client_page.visitor import Visitor


def test_clicking_everything_twice_and_fast_is_one_request(site: Api) -> None:
    client = visit(site)
    forms = [
        (verb, fields(client, name="x", backup="x"))
        for verb in ("stop", "start", "reboot", "shutdown", "password")
    ]
    clicks = [each for form in forms for each in (form, form)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda click: client.post(f"do/{click[0]}", click[1]).status_code, clicks))
    assert len(requested()) == 1 and set(answers) <= {303, 409}
    assert answers.count(303) == 2, "the same form twice is one request, answered twice alike"
    with session():
        Request.update(state="done", ended_at=now_ms()).execute()
    again = next(form for form, answer in zip(clicks, answers, strict=True) if answer == 303)
    assert client.post(f"do/{again[0]}", again[1]).status_code == 303
    assert len(requested()) == 1, "a form that is sent again after its end does nothing"


def test_a_session_that_asks_too_often_waits(site: Api) -> None:
    client, other = visit(site), visit(site, 20)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: client.get("network").status_code, range(120)))
    assert 429 in found and 200 in found
    assert client.get("network").headers["content-security-policy"]
    assert other.get("network").status_code == 200


def test_200_sessions_at_once(site: Api) -> None:
    visitors = [Visitor(site.server.url) for _ in range(200)]
    for number, each in enumerate(visitors):
        _, each.cookie = enter(create_link(ADMIN, 10 if number % 2 else 20).secret, "192.0.2.1")
    with ThreadPoolExecutor(50) as pool:
        pages = list(pool.map(lambda each: each.get("network"), visitors))
    assert {answer.status_code for answer in pages} == {200}
    for number, answer in enumerate(pages):
        assert ("vm-10" in answer.text, "vm-20" in answer.text) == (bool(number % 2), not number % 2)
    for each in visitors:
        each.http.close()


def test_what_a_stuck_service_says(site: Api) -> None:
    client = visit(site)
    secret = "pve1: clone failed: storage local-lvm on 10.0.0.11 is full (UPID:pve1:0001)"
    with session():
        vm = Vm.get(Vm.service == 10)
        Vm.update(error=secret, error_since=now_ms(), vm_status="clone", node="pve1").where(
            Vm.id == vm.id
        ).execute()
        Request.insert(
            vm=vm.id, service=10, pipeline="Reinstall", action="Reinstall", login="client:10", source="client",
            state="running", error=secret, requested_at=now_ms(),
        ).execute()  # fmt: skip
    for section in ("", "network", "snapshots", "backups", "reinstall"):
        answer = client.get(section)
        assert "This is taking longer than usual; your provider has been informed." in answer.text
        assert not re.search(r"pve1|local-lvm|UPID|clone", answer.text), section
    assert client.post("do/stop", fields(client)).status_code == 409


def test_a_suspended_service_starts_nothing(site: Api) -> None:
    client = visit(site)
    in_transaction(Service.update(status="Suspended").where(Service.id == 10).execute)
    assert "suspended" in client.text()
    for verb in ("start", "reboot", "password"):
        answer = client.post(f"do/{verb}", fields(client))
        assert answer.status_code == 409 and "contact your provider" in answer.text
    assert requested() == []


def test_the_traffic_quota_is_shown(site: Api) -> None:
    client = visit(site)
    assert "In use" not in client.text("network")
    with session():
        product = Product.get(Product.name == "VPS-2")
        Product.update(spec={**product.spec, "traffic_gib": 100}).where(Product.id == product.id).execute()
    assert "In use: 0 B of 100 GiB" in client.text("network")
