"""Notifications for operators, each for one of the targets in config.toml."""

from __future__ import annotations

from peewee import Check, IntegerField, TextField

from engine.clock import now_ms
from engine.store.database import Row
from engine.store.fields import EpochField


class Notification(Row):
    """A notification for one target. Written in the transaction of what it reports; sent at least once."""

    target = TextField()  # its name in config.toml
    type = TextField()  # as webhooks name it
    level = TextField(constraints=[Check("level IN ('info', 'warning', 'critical')")])
    service = IntegerField(null=True)
    title = TextField()  # what happened, on one line
    details = TextField(default="")
    state = TextField(default="pending", constraints=[Check("state IN ('pending', 'sent', 'failed')")])
    attempts = IntegerField(default=0)
    error = TextField(default="")  # of the last attempt
    created_at = EpochField(default=now_ms)
    sent_at = EpochField(null=True)

    class Meta:
        indexes = (
            (("target", "state", "level"), False),
            (("created_at",), False),
        )
