"""Webhooks: the endpoints that receive events, and the messages sent to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from engine.actions import webhooks
from engine.forms.form import Form
from engine.queries import webhooks as queries
from engine.queries.documents import plain
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, WRITE, accepted, answers, page, send
from kvmtui.api.routing import BIGGEST, Caller
from kvmtui.api.writing import Write

router = routing.router()
Number = Annotated[int, Path(ge=1, le=BIGGEST, description="The number.", examples=[1])]
_TAGS: list[str | Any] = ["Webhooks"]


class WebhookForm(Form):
    """An endpoint; without events it gets every one."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    events: Annotated[list[Annotated[str, Field(max_length=60)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    allow_private: bool = False


@router.get("/api/v1/webhooks", responses=page(shapes.Webhook), tags=_TAGS)
def list_webhooks(caller: Caller) -> Response:
    """List the endpoints; a limited token sees its own."""
    return send({"items": queries.webhooks(caller), "next": None})


@router.post(
    "/api/v1/webhooks", status_code=201, responses=answers(shapes.NewWebhook, WRITE, 201), tags=_TAGS
)
def create_webhook(write: Write, body: WebhookForm) -> Response:
    """Create an endpoint. Its `secret` is shown this once, so the answer is not stored under an Idempotency-Key."""
    made = webhooks.create(write.actor, body.url, body.events, body.allow_private)
    return JSONResponse({**plain(made.webhook), "secret": made.secret}, 201)


@router.delete("/api/v1/webhooks/{id}", status_code=202, responses=accepted(), tags=_TAGS)
def delete_webhook(write: Write, id: Number) -> Response:  # noqa: A002
    """Delete an endpoint and what waits for it."""

    def work() -> tuple[str, dict[str, Any]]:
        webhooks.delete(write.actor, id)
        return f"Webhook {id} was deleted.", {}

    return write.record("delete", work)


@router.post("/api/v1/webhooks/{id}/test", responses=answers(shapes.Said, (*WRITE, 502)), tags=_TAGS)
def check_webhook(write: Write, id: Number) -> Response:  # noqa: A002
    """Send a test message now and answer what the endpoint said. It takes no Idempotency-Key."""
    return send({"message": webhooks.test(write.actor, id)})


@router.get("/api/v1/webhooks/{id}/deliveries", responses=page(shapes.Delivery, ONE), tags=_TAGS)
def list_deliveries(
    caller: Caller,
    id: Number,  # noqa: A002
    state: Annotated[Literal["", "pending", "sent", "failed"], Query(description="Only in this state.")] = "",
    limit: Annotated[int, Query(ge=1, le=500, description="Most messages to answer.")] = 100,
) -> Response:
    """List the newest messages of an endpoint."""
    return send({"items": queries.deliveries(id, state, limit, caller), "next": None})


@router.post("/api/v1/deliveries/{id}/replay", status_code=202, responses=accepted(), tags=_TAGS)
def replay_delivery(write: Write, id: Number) -> Response:  # noqa: A002
    """Send a message again, with the same `webhook-id`."""
    return write.record("replay", lambda: (webhooks.replay(write.actor, id), {}))
