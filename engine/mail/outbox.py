"""Puts mails into the outbox: in the caller's transaction, under a key that is unique, sealed.

Without a mail server nothing is queued: a mail that waits for months would greet a client with a password that is
long gone.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from engine import redact
from engine.errors import Refused
from engine.mail.facts import vm_facts
from engine.plan import effective
from engine.store import secrets
from engine.store.models import Client, Outbox, Product, Service, Vm
from engine.store.settings import Smtp, read
from engine.work import wake

CHANNEL = "mail"
NO_SERVER = "no mail server is set up (Settings, smtp)"


class SiteMail:
    """The mails of this site, as its settings say."""

    def queue(self, vm: Vm, template: str, key: str, context: Mapping[str, Any]) -> str:
        """Queue one mail to the VM's client; returns the line for the log. The same key never sends twice."""
        client = vm.service.client
        if not read(Smtp).host:
            return f"{NO_SERVER}; the mail '{template}' was not sent"
        if not client.email:
            return f"client {client.name} has no e-mail address; the mail '{template}' was not sent"
        _insert([_row(vm, client, template, key, {**context, "client": client.name})])
        return f"mail '{template}' queued for {client.email}"


def queue_welcomes(service_ids: Iterable[int]) -> int:
    """Queue the first mail of each of these new services whose product wants one; returns how many."""
    if not read(Smtp).host:
        return 0
    wanted = Vm.service.in_(list(service_ids))
    query = Vm.select(Vm, Service, Product, Client).join(Service).join(Product).switch(Service).join(Client)
    rows = [row for vm in list(query.where(wanted).order_by(Vm.service)) if (row := _welcome(vm))]
    if rows:
        _insert(rows)
    return len(rows)


def _welcome(vm: Vm) -> dict[str, Any] | None:
    service, client = vm.service, vm.service.client
    plan = effective(service.product.spec, service.options)
    if not client.email or not plan.emails.get("welcome", True):
        return None
    facts = vm_facts(vm, plan)
    return _row(vm, client, "welcome", f"welcome:{vm.uid}", facts)


def _row(vm: Vm, client: Client, template: str, key: str, context: Mapping[str, Any]) -> dict[str, Any]:
    uid = str(uuid.uuid4())
    return {
        "uid": uid,
        "key": key,
        "vm": vm.id,
        "template": template,
        "recipient": client.email,
        "language": client.language or "en",
        "context": sealed(uid, context),
    }


def _insert(rows: list[dict[str, Any]]) -> None:
    Outbox.insert_many(rows).on_conflict_ignore().execute()
    wake.notify(CHANNEL)


def sealed(uid: str, context: Mapping[str, Any]) -> str:
    """What a mail says, as the row keeps it. The password alone is registered for redaction, not the whole text."""
    redact.register(str(context.get("password") or ""))
    return secrets.seal_with(
        secrets.key_file().current(), json.dumps(context, ensure_ascii=False), "outbox", uid, "context"
    )


def unsealed(row: Outbox) -> dict[str, Any]:
    """What a mail says, in clear; refused with a sentence when it is gone or does not open."""
    if not row.context:
        raise Refused("The mail cannot be sent: its content is no longer stored.")
    keys = secrets.key_file().holding(secrets.key_id_of(row.context))
    context: dict[str, Any] = json.loads(secrets.open_with(keys, row.context, "outbox", row.uid, "context"))
    redact.register(str(context.get("password") or ""))
    return context
