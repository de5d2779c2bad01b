"""Webhooks: the endpoints that receive events, and the messages sent to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from engine.actions import webhooks
from engine.actions.idempotency import KeptAnswer
from engine.forms.form import Form
from engine.queries import keyset
from engine.queries import webhooks as queries
from engine.queries.documents import plain
from kvmtui.api import routing, shapes
from kvmtui.api.answers import ONE, WRITE, accepted, answers, page, send, send_page
from kvmtui.api.operations.reading import named
from kvmtui.api.routing import BIGGEST, After, ById, Caller, Page, Words
from kvmtui.api.writing import Write, replayed

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


class WebhookChange(Form):
    """What is to become of an endpoint: `paused` keeps its messages until it is `enabled`."""

    state: Literal["enabled", "paused"]


@router.get("/api/v1/webhooks", responses=page(shapes.Webhook), tags=_TAGS)
def list_webhooks(caller: Caller, paging: Page) -> Response:
    """List the endpoints; a limited token sees its own."""
    return send_page(named(queries.webhooks(caller), paging, ("id", "url", "state")))


@router.post(
    "/api/v1/webhooks", status_code=201, responses=answers(shapes.NewWebhook, WRITE, 201), tags=_TAGS
)
def create_webhook(write: Write, body: WebhookForm) -> Response:
    """Create an endpoint. Its `secret` is shown in this answer alone, also to a retry with the same Idempotency-Key."""

    def work() -> KeptAnswer:
        made = webhooks.create(write.actor, body.url, body.events, body.allow_private)
        return KeptAnswer(201, plain(made.webhook))

    answer = write.kept(work)
    secret = webhooks.secret_of(write.actor, answer.document["id"])  # it is not stored with the answer
    return JSONResponse({**answer.document, "secret": secret}, answer.status, replayed(answer))


@router.patch("/api/v1/webhooks/{id}", status_code=202, responses=accepted(), tags=_TAGS)
def change_webhook(write: Write, id: Number, body: WebhookChange) -> Response:  # noqa: A002
    """Pause an endpoint, or resume it."""
    change = webhooks.pause if body.state == "paused" else webhooks.resume
    return write.record("change", lambda: (change(write.actor, id), {}))


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
    after: After = "",
    q: Words = "",
    sort: ById = "-id",
) -> Response:
    """List the messages of an endpoint, the newest first."""
    beyond = keyset.decoded(after)[1] if after else None
    found = queries.deliveries(id, state, limit + 1, caller, beyond, q, oldest_first=sort == "id")
    last = found[limit - 1].id if len(found) > limit else None
    return send_page(keyset.Slice(found[:limit], keyset.encoded(last, last) if last else None))


@router.post("/api/v1/deliveries/{id}/replay", status_code=202, responses=accepted(), tags=_TAGS)
def replay_delivery(write: Write, id: Number) -> Response:  # noqa: A002
    """Send a message again, with the same `webhook-id`."""
    return write.record("replay", lambda: (webhooks.replay(write.actor, id), {}))
