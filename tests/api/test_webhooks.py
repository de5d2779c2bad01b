"""Endpoints over the API: the secret is shown once, nobody else's is seen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import webhooks
from engine.audit import Actor
from engine.errors import NotFound
from engine.roles import Role
from engine.scope import Scope
from engine.store.models import Answered
from tests.api.conftest import Api, site, token

HOOK = {"url": "https://shop.example.com/kvmtui", "events": ["vm.ready"]}


def test_an_endpoint_is_created_listed_and_deleted(api: Api) -> None:
    key = {"Idempotency-Key": "k"}
    made = api.ok("POST", "/api/v1/webhooks", 201, json=HOOK, headers=key)
    assert made["secret"].startswith("whsec_")
    again = api.http.post("/api/v1/webhooks", json=HOOK, headers=key)
    assert (again.status_code, again.json()) == (201, made) and again.headers[
        "idempotency-replayed"
    ] == "true"
    assert "whsec_" not in str(Answered.get().answer), "a secret is stored in clear"
    (listed,) = api.ok("GET", "/api/v1/webhooks", 200)["items"]
    assert listed["url"] == HOOK["url"] and "secret" not in listed
    assert api.ok("GET", f"/api/v1/webhooks/{made['id']}/deliveries", 200)["items"] == []
    api.ok("DELETE", f"/api/v1/webhooks/{made['id']}")
    assert api.ok("GET", "/api/v1/webhooks", 200)["items"] == []
    api.problem("GET", f"/api/v1/webhooks/{made['id']}/deliveries", 404)
    api.problem("POST", "/api/v1/deliveries/9/replay", 404)
    api.problem("POST", "/api/v1/webhooks", 404, json=HOOK, headers=key)


def test_an_endpoint_of_others_does_not_exist(api: Api, serve: Callable[..., Api]) -> None:
    site()
    made = api.ok("POST", "/api/v1/webhooks", 201, json=HOOK)
    shop = serve(token("shop", Role.OWNER, clients=("Acme",)))
    assert shop.ok("GET", "/api/v1/webhooks", 200)["items"] == []
    shop.problem("DELETE", f"/api/v1/webhooks/{made['id']}", 404)
    with pytest.raises(NotFound):
        webhooks.secret_of(Actor("shop", role=Role.OWNER, scope=Scope(frozenset((1,)))), made["id"])
    shop.problem("GET", f"/api/v1/webhooks/{made['id']}/deliveries", 404)
    private = {**HOOK, "url": "https://10.0.0.1/", "allow_private": True}
    shop.problem("POST", "/api/v1/webhooks", 409, json=private)
