"""The audit over the API, as a token with limits reads it."""

from __future__ import annotations

import json

from engine.actions import tokens
from engine.audit import Actor, record
from engine.clock import now_ms
from engine.roles import Role
from engine.store.database import transaction
from engine.store.models import Service
from tests.api.conftest import ADMIN, Api
from tests.api.test_scope import OURS, SECRET, THEIRS, shop

__all__ = ["shop"]


def test_the_audit_holds_what_was_done_to_services_inside(shop: Api) -> None:
    anna = Actor("anna", "192.0.2.7", "console", reason=f"asked by {SECRET}")
    with transaction():
        for number in (OURS, THEIRS):
            record(anna, "suspend", "service", str(number), str(number), {"status": "Active"}, {})
        record(anna, "move", "vm", str(OURS), "vm-10", {"client": SECRET, "node": "pve1"}, {"client": "Acme"})
        record(anna, "change", "client", "1", "Acme", {}, {})
        record(anna, "change", "server", "1", "pve1", {}, {})
    shop.ok("PATCH", f"/api/v1/services/{OURS}", json={"notes": "by us"})
    rows = shop.ok("GET", "/api/v1/audit", 200)["items"]
    assert {(each["kind"], each["object_id"]) for each in rows} == {("service", "10"), ("vm", "10")}
    text = json.dumps(rows)
    assert SECRET not in text and "anna" not in text and "192.0.2.7" not in text
    (moved,) = (each for each in rows if each["action"] == "move")
    assert (moved["login"], moved["reason"], moved["ssh_client"]) == ("***", "", "")
    assert (moved["before"], moved["after"]) == ({"client": "***", "node": "pve1"}, {"client": "Acme"})
    assert rows[0]["login"].startswith("token:shop") and rows[0]["ssh_client"] == "127.0.0.1"
    for probe in (
        SECRET,
        "anna",
        "192.0.2.7",
        "who:anna",
        "who:192",
        f"object:service:{THEIRS}",
        f"object:{THEIRS}",
    ):
        assert shop.ok("GET", f"/api/v1/audit?q={probe}", 200)["items"] == [], probe
    found = shop.ok("GET", "/api/v1/audit?q=what:suspend", 200)["items"]
    assert [each["object_id"] for each in found] == ["10"]
    assert shop.ok("GET", "/api/v1/audit?q=who:token:shop", 200)["items"]


def test_the_audit_of_a_number_that_was_somebody_elses_is_not_theirs(shop: Api) -> None:
    assert shop.ok("GET", "/api/v1/audit", 200)["items"]
    Service.update(created_at=now_ms() + 1).where(Service.id == OURS).execute()
    assert shop.ok("GET", "/api/v1/audit", 200)["items"] == []


def test_times_of_changed_records_are_iso_8601(api: Api) -> None:
    tokens.create(ADMIN, "timed", Role.VIEWER, expires="2099-01-31")
    (row,) = api.ok("GET", "/api/v1/audit?q=timed", 200)["items"]
    assert row["after"]["expires_at"].startswith("2099-01-31T") and row["after"]["expires_at"].endswith("Z")


def test_the_audit_comes_page_by_page(shop: Api) -> None:
    with transaction():
        for number in (OURS, THEIRS) * 5:
            record(ADMIN, "suspend", "service", str(number), str(number), {}, {})
    whole = [each["id"] for each in shop.ok("GET", "/api/v1/audit?limit=500", 200)["items"]]
    found, after = [], ""
    while True:
        page = shop.ok("GET", f"/api/v1/audit?limit=2&after={after}", 200)
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == whole == sorted(whole, reverse=True) and len(found) > 5
