"""Who may use the API and the pages of clients."""

from __future__ import annotations

from peewee import BooleanField, Check, ForeignKeyField, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField, JsonField
from engine.store.models.site import Service


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


class ClientSession(Row):
    """A visit to the page of a service: first a link that opens once, then a session in one browser.

    Only the SHA-256 of the link's and of the cookie's secret is stored.
    """

    service = ForeignKeyField(Service, backref="sessions", on_delete="CASCADE")
    view = BooleanField(default=False)  # an operator looks at the page; nothing can be changed
    link = TextField(unique=True)
    cookie = TextField(null=True, unique=True)  # NULL until the link is opened
    created_at = EpochField(default=now_ms)
    created_by = TextField(default="")
    entered_at = EpochField(null=True)
    address = TextField(default="")  # where the link was opened
    seen_at = EpochField(null=True)  # kept at most once a minute
    expires_at = EpochField(index=True)  # of the link until it is opened, then of the session
    ended_at = EpochField(null=True)
    language = TextField(default="")  # chosen on the page; empty: the client's
    reveals = IntegerField(null=True)  # the request whose password may be shown once
