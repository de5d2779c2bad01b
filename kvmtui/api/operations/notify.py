"""Notifications for operators: the targets in config.toml, a test, and what failed sent again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi.responses import Response
from pydantic import Field

from engine.actions import notifications
from engine.errors import Failed
from engine.forms.form import Form
from engine.queries.notifications import targets
from kvmtui.api import routing, shapes
from kvmtui.api.answers import WRITE, accepted, answers, page, send, send_page
from kvmtui.api.operations.reading import named
from kvmtui.api.routing import Caller, Page
from kvmtui.api.writing import Write

router = routing.router()
_TAGS: list[str | Any] = ["Notifications"]


class NotifyTargets(Form):
    """Names of targets in config.toml; none: all of them."""

    targets: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)] = Field(
        default_factory=list
    )


@router.get("/api/v1/notify", responses=page(shapes.NotifyTarget), tags=_TAGS)
def list_notify_targets(caller: Caller, paging: Page) -> Response:
    """List the targets of notifications and what waits for them. URLs are not shown."""
    routing.whole_site(caller, "list the targets of notifications")
    return send_page(named(targets(), paging, ("name", "level", "state"), "name"))


@router.post("/api/v1/notify/test", responses=answers(shapes.Said, (*WRITE, 502)), tags=_TAGS)
def test_notify_targets(write: Write, body: NotifyTargets | None = None) -> Response:
    """Send a test now, regardless of level and quiet hours; 502 if a target rejects it. It takes no Idempotency-Key."""
    found = notifications.test(write.actor, body.targets if body else ())
    rejected = [f"{each.target}: {each.error}" for each in found if not each.sent]
    if rejected:
        raise Failed("; ".join(rejected))
    return send({"message": f"Sent to {', '.join(each.target for each in found)}."})


@router.post("/api/v1/notify/resend", status_code=202, responses=accepted(), tags=_TAGS)
def resend_notifications(write: Write, body: NotifyTargets | None = None) -> Response:
    """Send failed notifications again. Each gets one more attempt."""

    def work() -> tuple[str, dict[str, Any]]:
        count = notifications.resend(write.actor, body.targets if body else ())
        return f"{count or 'No'} {'notification is' if count == 1 else 'notifications are'} queued.", {}

    return write.record("resend", work)
