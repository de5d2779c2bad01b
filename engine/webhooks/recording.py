"""Writes messages for endpoints, in the transaction of what they report: both are committed, or neither.

Most types follow from the events that the engine publishes anyway; `write` is for the others. Notifications for
operators are written for the same events.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from peewee import JOIN

from engine.clock import iso, now_ms
from engine.notify import recording as notifications
from engine.scope import EVERYTHING, Scope
from engine.store.compiled import Compiled
from engine.store.database import execute
from engine.store.models import Client, Product, Service, Vm, Webhook, WebhookDelivery, WebhookStuck
from engine.webhooks.catalog import SUCCEEDED
from engine.work import events, wake
from engine.work.events import EventView

CHANNEL = "webhooks"
_BATCH = 200


def use() -> None:
    """From now on what this process commits is written for the endpoints."""
    events.also(_record)


def ring() -> None:
    """Wake the senders once this transaction commits."""
    for channel in (CHANNEL, notifications.CHANNEL):
        wake.notify(channel)


def write(kind: str, service_ids: Iterable[int], more: dict[int, dict[str, Any]] | None = None) -> int:
    """Write a message about each of these services for every endpoint that wants it; how many were written.

    Operators are notified of the same, which counts too. Call it in the transaction of what it reports
    and `ring` there.
    """
    endpoints = _endpoints(kind)
    if not endpoints and not notifications.wanted(kind):
        return 0
    ids, written = list(service_ids), 0
    for start in range(0, len(ids), _BATCH):
        known = _services(ids[start : start + _BATCH])
        written += notifications.write(
            kind, [{**facts, **(more or {}).get(number, {})} for number, (_, _, facts) in known.items()]
        )
        rows = [
            _row(hook, kind, number, {**facts, **(more or {}).get(number, {})})
            for number, (client, product, facts) in known.items()
            for hook in endpoints
            if scope_of(hook).sees(client, product)
        ]
        written += _insert(rows)
    return written


def write_site(kind: str, data: dict[str, Any]) -> int:
    """Write a message about the whole site for every endpoint without limits that wants it; how many were written.

    An endpoint is not told of itself. Otherwise like `write`.
    """
    wanting = [each for each in _endpoints(kind) if scope_of(each) == EVERYTHING]
    rows = [_row(each, kind, None, data) for each in wanting if each.id != data.get("webhook")]
    return _insert(rows) + notifications.write(kind, [data])


def scope_of(hook: Webhook) -> Scope:
    """What an endpoint may get messages about."""
    clients = None if hook.clients is None else frozenset(hook.clients)
    products = None if hook.products is None else frozenset(hook.products)
    return Scope(clients, products)


def body(kind: str, data: dict[str, Any]) -> str:
    """A message as it is signed and sent."""
    return json.dumps({"type": kind, "timestamp": iso(now_ms()), "data": data}, ensure_ascii=False)


def message_id() -> str:
    """A new `webhook-id`."""
    return f"msg_{uuid.uuid4().hex}"


def _record(published: Sequence[EventView]) -> None:
    """Write the messages for these events. It runs as the last act of their transaction."""
    written = 0
    for event in published:
        if event.kind == "run" and event.level in ("success", "error"):
            written += _run(event)
        elif event.kind == "alert" and "up" in event.data:
            written += _server(event)
        elif event.kind == "change" and event.data.get("action") == "adopt" and event.service is not None:
            written += write("service.created", [event.service])
        elif event.kind == "change" and event.data.get("action") == "delete-record" and event.vm is not None:
            WebhookStuck.delete().where(WebhookStuck.vm == event.vm).execute()
    if written:
        for channel in (CHANNEL, notifications.CHANNEL):
            wake.notify_in_flush(channel)


def _run(event: EventView) -> int:
    """What the end of a run tells."""
    if event.service is None or event.vm is None or not _anybody():
        return 0
    action, written = str(event.data.get("action", "")), 0
    about = {event.service: {"error": event.data["error"]}} if event.data.get("error") else None
    if event.level == "success":
        if WebhookStuck.delete().where(WebhookStuck.vm == event.vm).execute():
            written += write("vm.recovered", [event.service])
        if action in SUCCEEDED and _holds(action, event.service):
            written += write(SUCCEEDED[action], [event.service])
    elif action == "Backup":
        written += write("backup.failed", [event.service], about)
    elif Vm.select().where(Vm.id == event.vm, Vm.error != "").exists():
        fresh = execute(
            "INSERT INTO webhook_stuck (vm, at) VALUES (?, ?) ON CONFLICT (vm) DO NOTHING", event.vm, now_ms()
        )
        if fresh.rowcount > 0:
            written += write("vm.stuck", [event.service], about)
    return written


def _holds(action: str, service: int) -> bool:
    """Whether a run has done what its action says: a suspension that is no longer due ends without one."""
    wanted = {"Suspend": "Suspended", "Unsuspend": "Active"}.get(action)
    return wanted is None or Service.select().where(Service.id == service, Service.status == wanted).exists()


def _server(event: EventView) -> int:
    """A server went down or came back."""
    kind = "server.up" if event.data["up"] else "server.down"
    return write_site(kind, {name: event.data[name] for name in ("server", "error") if name in event.data})


def _anybody() -> bool:
    return notifications.any_target() or bool(Webhook.select(Webhook.id).exists())


def _endpoints(kind: str) -> list[Webhook]:
    """The endpoints that want a type; those that are paused get it when they are resumed."""
    return [row for row in _ALL.rows() if not row.events or kind in row.events]


_ALL = Compiled[Webhook](lambda: Webhook.select().order_by(Webhook.id), 0)


def _services(ids: Sequence[int]) -> dict[int, tuple[int, int, dict[str, Any]]]:
    """Client, product and facts of these services."""
    query = (
        Service.select(Service, Client, Product, Vm)
        .join_from(Service, Client)
        .join_from(Service, Product)
        .join_from(Service, Vm, JOIN.LEFT_OUTER, attr="deployed")
        .where(Service.id.in_(list(ids)))
        .order_by(Service.id)
    )
    return {
        row.id: (row.client_id, row.product_id, _facts(row, getattr(row, "deployed", None))) for row in query
    }


def _facts(row: Service, vm: Vm | None) -> dict[str, Any]:
    summary = None
    if vm is not None:
        summary = {"name": vm.name, "vmid": vm.vmid, "node": vm.node, "vm_status": vm.vm_status}
    return {
        "service_id": row.id,
        "client": row.client.name,
        "product": row.product.name,
        "status": row.status,
        "vm": summary,
    }


def _row(hook: Webhook, kind: str, service: int | None, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "uid": message_id(),
        "webhook": hook.id,
        "type": kind,
        "service": service,
        "body": body(kind, data),
        "due_at": 0,  # on the database's clock, like every other time of the queue
    }


def _insert(rows: Sequence[dict[str, Any]]) -> int:
    if rows:
        WebhookDelivery.insert_many(rows).execute()
    return len(rows)
