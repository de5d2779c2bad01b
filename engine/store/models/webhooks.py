"""Endpoints, the messages for them, and which VMs were reported to them as stuck."""

from __future__ import annotations

from peewee import BooleanField, Check, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField


class Webhook(Row):
    """An endpoint that gets messages about events, and its limits."""

    uid = TextField(unique=True)  # names the row inside the encryption of its secret
    url = TextField()
    events = JsonField(default=list)  # types of events; empty: every type
    secret = TextField(default="")  # sealed
    allow_private = BooleanField(default=False)  # may be at a private address, or without TLS
    state = TextField(default="enabled", constraints=[Check("state IN ('enabled', 'paused')")])
    why = TextField(default="")  # why it is paused
    clients = JsonField(null=True)  # ids of the clients it is limited to; NULL: every client
    products = JsonField(null=True)  # ids of the products it is limited to; NULL: every product
    created_at = EpochField(default=now_ms)
    created_by = TextField(default="")


class WebhookDelivery(Row):
    """A message for an endpoint. Written in the transaction of what it tells; sent at least once."""

    uid = TextField(unique=True)  # webhook-id: the same for every attempt
    webhook = ForeignKeyField(Webhook, backref="deliveries", index=False, on_delete="CASCADE")
    type = TextField()
    service = IntegerField(null=True)  # messages about one service are sent in order
    body = TextField()  # the JSON that is signed and sent
    state = TextField(default="pending", constraints=[Check("state IN ('pending', 'sent', 'failed')")])
    attempts = IntegerField(default=0)
    due_at = EpochField(default=now_ms)
    tried_at = EpochField(null=True)  # the first attempt
    status = IntegerField(null=True)  # HTTP status of the last answer
    error = TextField(default="")
    created_at = EpochField(default=now_ms)
    sent_at = EpochField(null=True)

    class Meta:
        indexes = (
            (("webhook", "state", "service", "id"), False),
            (("state", "due_at"), False),
            (("created_at",), False),
        )


class WebhookStuck(Row):
    """A VM that was reported as stuck; its recovery is reported too."""

    vm = IntegerField(primary_key=True)
    at = EpochField(default=now_ms)
