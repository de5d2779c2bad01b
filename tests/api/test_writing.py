"""Writes: once per key, with their request, previewed, refused on a stale record."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from engine.store.models import Answered, Audit, Request, Service, Vm
from tests.api.conftest import Api, make_ready, site

ORDER = {"client": "Acme", "product": "VPS-2", "options": {"cores": 4}, "external_ref": "order-1"}


@pytest.fixture(autouse=True)
def a_site(api: Api) -> Iterator[None]:
    site()
    yield


def counts() -> tuple[int, ...]:
    """How much there is of everything a write could leave behind."""
    return tuple(table.select().count() for table in (Service, Vm, Request, Audit, Answered))


def test_an_order_makes_one_service_and_its_request(api: Api) -> None:
    made = api.ok("POST", "/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k1"})
    assert made["request"]["action"] == "Deploy" and made["request"]["state"] == "queued"
    number = made["request"]["service_id"]
    found = api.ok("GET", f"/api/v1/services/{number}", 200)
    assert (found["external_ref"], found["options"], found["status"]) == ("order-1", {"cores": 4}, "Pending")
    (listed,) = api.ok("GET", "/api/v1/services?external_ref=order-1", 200)["items"]
    assert listed["id"] == number
    request = api.ok("GET", f"/api/v1/requests/{made['request']['id']}", 200)
    assert {name: request[name] for name in made["request"]} == made["request"]


def test_the_same_key_gets_the_same_answer_and_changes_nothing(api: Api) -> None:
    first = api.http.post("/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k1"})
    before = counts()
    again = api.http.post("/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replayed"] == "true" and counts() == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/services", {**ORDER, "options": {"cores": 2}}),
        ("POST", "/api/v1/clients", {"name": "Other", "email": "a@b.example"}),
        ("POST", "/api/v1/services/1/vm/start", None),
    ],
)
def test_the_same_key_for_another_request_is_refused(api: Api, method: str, path: str, body: Any) -> None:
    api.ok("POST", "/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k1"})
    before = counts()
    found = api.problem(method, path, 422, json=body, headers={"Idempotency-Key": "k1"})
    assert found["errors"][0]["path"] == "Idempotency-Key" and counts() == before


def test_ten_at_once_with_one_key_make_one_service(api: Api) -> None:
    def send(_: int) -> Any:
        answer = api.http.post("/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k1"})
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(send, range(10)))
    assert all(answer == answers[0] for answer in answers) and answers[0][0] == 202
    assert Service.select().count() == 1


def test_a_refused_write_stores_no_answer(api: Api) -> None:
    before = counts()
    api.problem("POST", "/api/v1/services/77/suspend", 404, headers={"Idempotency-Key": "k1"})
    bad = {**ORDER, "product": "VPS-3"}
    found = api.problem("POST", "/api/v1/services", 404, json=bad, headers={"Idempotency-Key": "k2"})
    assert "Did you mean 'VPS-" in found["detail"]
    assert counts() == before
    api.ok("POST", "/api/v1/services", json=ORDER, headers={"Idempotency-Key": "k2"})


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/services/{id}/vm/snapshots", {"name": "a b"}, "name"),
        ("PUT", "/services/{id}/vm/rdns/192.0.2.1", {"name": "bad name"}, "name"),
        ("PUT", "/services/{id}/vm/rdns/banana", {"name": "a.example.com"}, "address"),
        ("POST", "/webhooks", {"url": "ftp://shop.example/", "events": ["vm.ready"]}, "url"),
        ("POST", "/webhooks", {"url": "https://shop.example/", "events": ["bogus"]}, "events"),
    ],
)
def test_a_value_nobody_can_take_is_bad_input_with_its_field(
    api: Api, method: str, path: str, body: dict[str, Any], field: str
) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    found = api.problem(method, f"/api/v1{path.format(id=number)}", 422, json=body)
    assert found["errors"] == [{"path": field, "detail": found["detail"]}]


def test_an_address_of_nobody_is_unknown(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    path = f"/api/v1/services/{number}/vm/rdns/192.0.2.200"
    assert "does not have" in api.problem("PUT", path, 404, json={"name": "a.example.com"})["detail"]


def test_an_order_number_is_used_once(api: Api) -> None:
    api.ok("POST", "/api/v1/services", json=ORDER)
    before = counts()
    assert "service 1 already" in api.problem("POST", "/api/v1/services", 409, json=ORDER)["detail"]
    assert counts() == before


def test_a_repeated_suspension_is_harmless(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    first = api.ok("POST", f"/api/v1/services/{number}/suspend", json={"reason": "not paid"})
    again = api.ok("POST", f"/api/v1/services/{number}/suspend", json={"reason": "not paid"})
    assert again["request"]["id"] == first["request"]["id"]
    Service.update(status="Suspended").where(Service.id == number).execute()
    Request.update(state="done").where(Request.service == number).execute()
    so = api.ok("POST", f"/api/v1/services/{number}/suspend")
    assert so["request"]["id"] is None and so["request"]["state"] == "done" and "already" in so["message"]
    assert api.ok("GET", f"/api/v1/services/{number}", 200)["suspended"]["reason"] == "not paid"


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("terminate", None),
        ("change-package", {"product": "VPS-4", "options": {"memory": 4096}}),
        ("vm/reinstall", {"template": "9001"}),
        ("vm/backups/backup:backup%2Fx.vma.zst/restore", None),
    ],
)
def test_a_plan_says_what_would_happen_and_does_nothing(api: Api, verb: str, body: Any) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    before = counts()
    found = api.ok("POST", f"/api/v1/services/{number}/{verb}?plan=true", 200, json=body)
    assert found.get("steps") or [each["field"] for each in found["effects"]] == ["memory"]
    assert counts() == before
    api.ok("POST", f"/api/v1/services/{number}/{verb}", json=body)
    assert counts() != before


def test_a_plan_is_refused_like_the_request(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    for query in ("", "?plan=true"):
        assert (
            "is ready" in api.problem("POST", f"/api/v1/services/{number}/vm/redeploy{query}", 409)["detail"]
        )


def test_a_stale_record_is_not_changed(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    path = f"/api/v1/services/{number}"
    tag = api.get(path).headers["etag"]
    changed = api.http.patch(path, json={"notes": "paid"}, headers={"If-Match": tag})
    assert changed.status_code == 202 and changed.headers["etag"] != tag
    before = counts()
    found = api.problem("PATCH", path, 412, json={"notes": "late"}, headers={"If-Match": tag})
    assert "Read it again" in found["detail"] and counts() == before
    fresh = api.get(path)
    assert fresh.json()["notes"] == "paid" and fresh.headers["etag"] == changed.headers["etag"]


def test_options_are_merged_and_null_removes_one(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    path = f"/api/v1/services/{number}"
    made = api.ok("PATCH", path, json={"options": {"memory": 4096, "system_disk": {"size": 20}}})
    assert made["service"]["options"] == {"cores": 4, "memory": 4096, "system_disk": 20}
    made = api.ok("PATCH", path, json={"options": {"cores": None}})
    assert made["service"]["options"] == {"memory": 4096, "system_disk": 20}
    same = api.ok("PATCH", path, json={"options": {"memory": 4096}})
    assert (
        same["message"].startswith("Nothing was changed")
        and same["service"]["revision"] == made["service"]["revision"]
    )


def test_a_client_is_made_changed_and_deleted(api: Api) -> None:
    made = api.ok("POST", "/api/v1/clients", json={"name": "Bolt", "email": "a@bolt.example", "notes": "VIP"})
    number = made["client"]["id"]
    assert made["request"] == {
        "id": None, "state": "done", "action": "create", "service_id": None, "run_id": None, "error": None,
    }  # fmt: skip
    changed = api.ok("PATCH", f"/api/v1/clients/{number}", json={"email": "b@bolt.example"})
    assert (changed["client"]["email"], changed["client"]["notes"]) == ("b@bolt.example", "VIP")
    api.ok("DELETE", f"/api/v1/clients/{number}")
    api.problem("GET", f"/api/v1/clients/{number}", 404)


def test_a_client_with_services_is_kept(api: Api) -> None:
    api.ok("POST", "/api/v1/services", json=ORDER)
    (acme,) = api.ok("GET", "/api/v1/clients?q=acme", 200)["items"]
    assert "still has 1 service" in api.problem("DELETE", f"/api/v1/clients/{acme['id']}", 409)["detail"]


def test_the_audit_names_the_token_and_the_reason(api: Api) -> None:
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    make_ready(number)
    api.ok("POST", f"/api/v1/services/{number}/vm/stop", json={"reason": "moving house"})
    row = api.ok("GET", "/api/v1/audit?limit=1", 200)["items"][0]
    assert (row["action"], row["source"], row["ssh_client"]) == ("stop", "api", "127.0.0.1")
    assert row["reason"] == "moving house" and row["login"]
