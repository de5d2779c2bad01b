"""Endpoints over the API: paused, resumed, tested, and listed page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.roles import Role
from engine.store.models import WebhookDelivery
from tests.api.conftest import Api, site, token
from tests.webhooks.endpoint import endpoint

HOOK = {"url": "https://shop.example.com/kvmtui", "events": ["vm.ready"]}


def test_an_endpoint_is_paused_and_resumed(api: Api, serve: Callable[..., Api]) -> None:
    site()
    made = api.ok("POST", "/api/v1/webhooks", 201, json=HOOK)
    path = f"/api/v1/webhooks/{made['id']}"
    for state in ("paused", "paused", "enabled", "enabled"):
        said = api.ok("PATCH", path, json={"state": state}, headers={"Idempotency-Key": state})
        assert said["request"]["state"] == "done"
        assert [each["state"] for each in api.ok("GET", "/api/v1/webhooks", 200)["items"]] == [state]
    api.problem("PATCH", path, 422, json={"state": "gone"})
    api.problem("PATCH", path, 422, json={})
    shop = serve(token("shop", Role.OWNER, clients=("Acme",)))
    shop.problem("PATCH", path, 404, json={"state": "paused"})
    viewer = serve(token("viewer", Role.OPERATOR))
    viewer.problem("PATCH", path, 403, json={"state": "paused"})


def test_lists_come_page_by_page(api: Api) -> None:
    for number in range(5):
        api.ok("POST", "/api/v1/webhooks", 201, json={**HOOK, "url": f"https://shop.example.com/{number}"})
    urls = [each["url"] for each in pages(api, "/api/v1/webhooks?limit=2")]
    assert [each[-1] for each in urls] == list("01234")
    assert [each["id"] for each in pages(api, "/api/v1/webhooks?limit=3&sort=-id")] == [5, 4, 3, 2, 1]
    for number in range(7):
        WebhookDelivery.create(uid=str(number), webhook=1, type="vm.ready", body="{}", state="sent")
    path = "/api/v1/webhooks/1/deliveries?limit=3"
    assert [each["id"] for each in pages(api, path)] == [7, 6, 5, 4, 3, 2, 1]
    assert pages(api, f"{path}&state=failed") == []
    api.problem("GET", f"{path}&after=x", 422)
    api.problem("GET", "/api/v1/webhooks?sort=secret", 422)


def pages(api: Api, path: str) -> list[Any]:
    """Every item of a list, read as clients do."""
    found: list[Any] = []
    after = ""
    while True:
        page = api.ok("GET", f"{path}&after={after}", 200)
        found += page["items"]
        if page["next"] is None:
            return found
        assert page["items"], "an empty page with a next one"
        after = page["next"]


def test_a_test_message_is_answered_with_what_the_endpoint_said(api: Api) -> None:
    with endpoint() as shop:
        hook = {"url": shop.url(), "allow_private": True}
        made = api.ok("POST", "/api/v1/webhooks", 201, json=hook)
        path = f"/api/v1/webhooks/{made['id']}/test"
        assert api.ok("POST", path, 200) == {"message": "Webhook 1 accepted the test message: HTTP 200."}
        assert shop.types() == ["webhook.test"]
        shop.answers = [503]
        assert "HTTP 503: oops" in api.problem("POST", path, 502)["detail"]
    assert "cannot be reached" in api.problem("POST", path, 502)["detail"]
    states = [each["state"] for each in api.ok("GET", path.replace("test", "deliveries"), 200)["items"]]
    assert states == ["failed", "failed", "sent"]
    api.problem("POST", "/api/v1/webhooks/99/test", 404)
