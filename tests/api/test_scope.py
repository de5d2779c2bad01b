"""A token that is limited sees nothing of what is outside: no id, name, count, event or other error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.actions import clients, orders, tokens
from engine.actions.orders import OrderForm
from engine.attempts import Attempts
from engine.forms import ClientForm
from engine.roles import Role
from engine.store.models import ApiToken, Client, Server
from engine.store.models import Request as RequestRow
from engine.work import events
from kvmtui.reference.api import openapi
from tests.api.conftest import ADMIN, Api, make_ready, site, token
from tests.api.statements import watched

SECRET = "Rival"
"""The name of the client outside; it must be in no answer."""
OURS, THEIRS, NOBODYS = 10, 20, 99


@pytest.fixture
def shop(serve: Callable[..., Api]) -> Api:
    """A shop that sells to Acme; there is another one that sells to Rival."""
    site()
    clients.create_client(ClientForm(name=SECRET, email="ops@rival.example"), ADMIN)
    for number, client in ((OURS, "Acme"), (THEIRS, SECRET)):
        form = OrderForm(id=number, client=client, product="VPS-2", external_ref="1017", notes=f"of {client}")
        orders.order(form, ADMIN) if number == OURS else orders.order(
            form.model_copy(update={"external_ref": "2000"}), ADMIN
        )
        make_ready(number)
    return serve(token("shop", Role.OPERATOR, clients=("Acme",)))


def bodies(name: str) -> Any:
    from kvmtui.api.example_bodies import BODIES

    return BODIES.get(name)


def operations() -> list[tuple[str, str, str]]:
    return [
        (method.upper(), path, operation["operationId"])
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
        if "{id}" in path and "/services/" in path
    ]


@pytest.mark.parametrize(("method", "path", "name"), operations())
def test_a_service_outside_is_answered_like_one_that_does_not_exist(
    shop: Api, method: str, path: str, name: str
) -> None:
    """The same answer after the same statements, so that timing reveals nothing either."""
    shop.get("/api/v1/services")  # the token's first use in a minute is noted
    answers = []
    with watched() as since:
        for number in (THEIRS, NOBODYS):
            filled = (
                path.replace("{id}", str(number)).replace("{name}", "s1").replace("{address}", "10.0.0.1")
            )
            answer = shop.http.request(method, filled.replace("{backup}", "b:backup/x"), json=bodies(name))
            assert answer.status_code == 404, f"{answer.status_code} {answer.text}"
            kept = {
                key: value for key, value in answer.headers.items() if key not in ("x-request-id", "date")
            }
            answers.append((answer.json()["detail"].replace(str(number), "N"), kept, since()))
    assert answers[0] == answers[1] and answers[0][2]


@pytest.mark.parametrize(
    ("method", "theirs", "nobodys", "body"),
    [
        ("GET", "requests/{request}", "requests/99999", None),
        ("GET", "clients/{client}", "clients/99999", None),
        ("PATCH", "clients/{client}", "clients/99999", {"email": "x@y.example"}),
        ("DELETE", "clients/{client}", "clients/99999", None),
        ("GET", f"events?service={THEIRS}", f"events?service={NOBODYS}", None),
        ("GET", "services?external_ref=2000", "services?external_ref=2999", None),
        ("GET", "services?client=Rival", "services?client=Rivax", None),
        ("GET", "vms?q=client:Rival", "vms?q=client:Rivax", None),
        ("GET", "vms?q=server:pve2", "vms?q=server:pve9", None),
        ("GET", "vms?q=Rival", "vms?q=Rivax", None),
        ("POST", "services", "services", {"client": SECRET, "product": "VPS-2"}),
    ],
)
def test_a_record_outside_takes_the_statements_of_one_that_does_not_exist(
    shop: Api, method: str, theirs: str, nobodys: str, body: Any
) -> None:
    shop.get("/api/v1/services")
    Server.create(uid="2", name="pve2", hosts=["127.0.0.1"], port=9, tls={"insecure": True})
    known = {
        "request": RequestRow.get(RequestRow.service == THEIRS).id,
        "client": Client.get(Client.name == SECRET).id,
    }
    found = []
    with watched() as since:
        for path, sent in (
            (theirs, body),
            (nobodys, {**body, "client": "Rivax"} if method == "POST" else body),
        ):
            answer = shop.http.request(method, f"/api/v1/{path.format(**known)}", json=sent)
            found.append((answer.status_code, since()))
    assert found[0] == found[1] and found[0][1]


def test_names_outside_crowd_out_no_names_inside(shop: Api, serve: Callable[..., Api]) -> None:
    names = [{"name": f"Zed {number}"} for number in range(600)]
    Client.insert_many(names).execute()
    clients.create_client(ClientForm(name="Zed last", email="zed@zed.example"), ADMIN)
    orders.order(OrderForm(id=30, client="Zed last", product="VPS-2"), ADMIN)
    last = serve(token("zed", Role.OPERATOR, clients=("Zed last",)))
    for query in ("client:zed", "zed"):
        assert [each["service_id"] for each in last.ok("GET", f"/api/v1/vms?q={query}", 200)["items"]] == [30]


def test_tokens_that_do_not_work_take_the_same_statements(shop: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "_tries", Attempts(most=10, window_s=60))
    secrets = {name: tokens.create(ADMIN, name, Role.OPERATOR).secret for name in ("expired", "revoked")}
    ApiToken.update(expires_at=1).where(ApiToken.name == "expired").execute()
    ApiToken.update(revoked_at=1).where(ApiToken.name == "revoked").execute()
    answers = []
    with watched() as since:
        for secret in (tokens.new_secret(), "nonsense", *secrets.values()):
            for path in ("services", f"services/{OURS}", "requests/1"):
                answer = shop.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
                assert answer.status_code == 401
                answers.append((answer.text, since()))
            tokens._tries = Attempts(most=10, window_s=60)
    assert answers and all(each == answers[0] for each in answers) and len(answers[0][1]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "services",
        "vms",
        "clients",
        "products",
        "usage?month=2026-04",
        "services?q=rival",
        "vms?q=client:rival",
    ],
)
def test_lists_and_counts_hold_only_what_is_inside(shop: Api, path: str) -> None:
    text = shop.get(f"/api/v1/{path}").text
    assert (
        SECRET not in text
        and "rival.example" not in text
        and str(THEIRS) not in [str(each.get("id")) for each in json.loads(text)["items"] if "client" in each]
    )
    if path == "products":
        assert {each["name"]: each["services"] for each in json.loads(text)["items"]} == {
            "VPS-2": 1,
            "VPS-4": 0,
        }
    if path == "clients":
        assert [each["services"] for each in json.loads(text)["items"]] == [1]


@pytest.mark.parametrize("path", ["servers", "servers/pve1", "pools", "zones", "tasks"])
def test_data_about_the_whole_site_is_refused(shop: Api, path: str) -> None:
    assert "whole site" in shop.problem("GET", f"/api/v1/{path}", 403)["detail"]


def test_records_and_requests_outside_do_not_exist(shop: Api) -> None:
    theirs = RequestRow.get(RequestRow.service == THEIRS).id
    assert shop.problem("GET", f"/api/v1/requests/{theirs}", 404)["detail"].replace(str(theirs), "N") == (
        shop.problem("GET", "/api/v1/requests/9999", 404)["detail"].replace("9999", "N")
    )
    rival = Client.get(Client.name == SECRET).id
    for method in ("GET", "PATCH"):
        found = shop.problem(
            method,
            f"/api/v1/clients/{rival}",
            404,
            json={"email": "x@y.example"} if method == "PATCH" else None,
        )
        assert SECRET not in found["detail"]


def test_an_order_for_a_client_outside_is_an_unknown_client(shop: Api) -> None:
    found = shop.problem("POST", "/api/v1/services", 404, json={"client": SECRET, "product": "VPS-2"})
    other = shop.problem("POST", "/api/v1/services", 404, json={"client": "Rivax", "product": "VPS-2"})
    assert found["detail"].replace(SECRET, "X") == other["detail"].replace("Rivax", "X")


def test_an_order_number_of_another_shop_can_be_used(shop: Api) -> None:
    order = {"client": "Acme", "product": "VPS-2", "external_ref": "2000"}
    made = shop.ok("POST", "/api/v1/services", json=order)["request"]["service_id"]
    assert [each["id"] for each in shop.ok("GET", "/api/v1/services?external_ref=2000", 200)["items"]] == [
        made
    ]
    shop.problem("POST", "/api/v1/services", 409, json={**order, "external_ref": "1017"})


def test_the_stream_contains_only_what_is_in_scope(shop: Api) -> None:
    after = events.last_id()
    for number in (THEIRS, OURS, THEIRS, OURS):
        events.announce("note", f"of {number}", service=number)
    events.announce("note", "of the site")
    events.announce("note", "the end", service=OURS)
    found = []
    with shop.http.stream("GET", "/api/v1/events", headers={"Last-Event-ID": str(after)}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:])["text"])
            if found[-1:] == ["the end"]:
                break
    assert found == [f"of {OURS}", f"of {OURS}", "the end"]
    shop.problem("GET", f"/api/v1/events?service={THEIRS}", 404)


def test_a_key_of_another_token_is_another_key(shop: Api, serve: Callable[..., Api]) -> None:
    order = {"client": "Acme", "product": "VPS-2"}
    first = shop.ok("POST", "/api/v1/services", json=order, headers={"Idempotency-Key": "k"})
    other = serve(token("other", Role.OPERATOR, clients=(SECRET,)))
    made = other.ok(
        "POST", "/api/v1/services", json={**order, "client": SECRET}, headers={"Idempotency-Key": "k"}
    )
    assert made["request"]["service_id"] != first["request"]["service_id"]
