"""Who may use the API."""

from __future__ import annotations

from peewee import Check, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField


class ApiToken(Row):
    """A token of the API: its role, its limits, and the SHA-256 of its secret. The secret itself is not stored."""

    name = TextField(unique=True)
    role = TextField(constraints=[Check("role IN ('viewer', 'support', 'operator', 'owner', 'metrics')")])
    clients = JsonField(null=True)  # ids of the clients it is limited to; NULL: every client
    products = JsonField(null=True)  # ids of the products it is limited to; NULL: every product
    digest = TextField(unique=True)  # SHA-256 of the secret, in hex
    created_at = EpochField(default=now_ms)
    created_by = TextField(default="")
    expires_at = EpochField(null=True)
    revoked_at = EpochField(null=True)
    rotated_at = EpochField(null=True)  # when the secret was replaced last
    last_used_at = EpochField(null=True)  # kept at most once a minute
    last_address = TextField(default="")
