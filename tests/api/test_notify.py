"""Notifications over the API: who may read, test and resend them, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.checked import checked
from engine.notify import settings
from engine.notify.settings import NotifySettings
from engine.roles import Role
from engine.store.models import Notification
from tests.api.conftest import Api, site, token

SECRET = "T0p-s3cret-path"


@pytest.fixture(autouse=True)
def _targets(tmp_path: Path) -> Iterator[None]:
    given = {"oncall": {"url": f"json://127.0.0.1:9/{SECRET}"}, "night": {"url": "json://127.0.0.1:9/x"}}
    settings.use(checked(NotifySettings, {"targets": given}), tmp_path, "lab", "UTC")
    yield
    settings.use(NotifySettings(), Path(), "kvmtui", "UTC")


def _failed(target: str) -> None:
    Notification.create(
        target=target, type="vm.stuck", level="warning", title="x", details="", state="failed"
    )


def test_the_targets_are_listed_without_their_urls(api: Api) -> None:
    _failed("oncall")
    answer = api.get("/api/v1/notify?sort=name")
    assert [(each["name"], each["failed"]) for each in answer.json()["items"]] == [
        ("night", 0),
        ("oncall", 1),
    ]
    assert SECRET not in answer.text


def test_failed_ones_are_queued_again(api: Api) -> None:
    for target in ("oncall", "oncall", "night"):
        _failed(target)
    first = api.ok("POST", "/api/v1/notify/resend", json={"targets": ["oncall"]})
    assert (first["message"], first["request"]["state"]) == ("2 notifications are queued.", "done")
    assert api.ok("POST", "/api/v1/notify/resend")["message"] == "1 notification is queued."
    assert api.ok("POST", "/api/v1/notify/resend")["message"] == "No notifications are queued."
    assert (
        "Target 'oncal' not found"
        in api.problem("POST", "/api/v1/notify/resend", 404, json={"targets": ["oncal"]})["detail"]
    )


def test_a_test_that_is_rejected_names_the_target(api: Api) -> None:
    assert (
        "oncall: " in api.problem("POST", "/api/v1/notify/test", 502, json={"targets": ["oncall"]})["detail"]
    )


@pytest.mark.parametrize("path", ["test", "resend"])
def test_only_an_owner_without_limits_sends(serve: Callable[..., Api], path: str) -> None:
    site()
    _failed("oncall")
    operator = serve(token("operator", Role.OPERATOR))
    operator.problem("POST", f"/api/v1/notify/{path}", 403)
    reseller = serve(token("reseller", Role.OWNER, clients=("Acme",)))
    reseller.problem("POST", f"/api/v1/notify/{path}", 403)
    reseller.problem("GET", "/api/v1/notify", 403)
    assert Notification.get().state == "failed"
