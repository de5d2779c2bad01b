"""What a client may do on the page of a service: what the product allows, one request at a time, each form once.

The kernel's own guards come after these. A refusal says why as a word; the page has the sentence in the client's
language, so that no sentence meant for operators reaches a client.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.actions import maintenance, names, vms
from engine.actions.client_sessions import Visit
from engine.actions.consoles import ScreenLinks
from engine.actions.idempotency import KeptAnswer, once
from engine.actions.requests import Queued, refuse_suspended, vm_of
from engine.audit import Actor
from engine.errors import Refused
from engine.queries import maintenance as shown
from engine.queries.client_page import ClientPage, client_page, offered_templates
from engine.queries.login import login
from engine.store.database import in_transaction, session
from engine.store.models import ClientSession, Request
from engine.work import requests


class RefusalReason(StrEnum):
    """Why a client's request is refused."""

    VIEW = "view"
    FORBIDDEN = "forbidden"
    BUSY = "busy"
    SUSPENDED = "suspended"
    NOT_READY = "not_ready"
    LIMIT = "limit"
    INPUT = "input"


class ClientRefused(Refused):
    """A client's request that is refused; `why` says why."""

    def __init__(self, why: RefusalReason) -> None:
        super().__init__(f"The client's request is refused: {why}.")
        self.why = why


Values = Mapping[str, Any]
Call = Callable[[Actor, int, Values], Queued]


@dataclass(frozen=True, slots=True)
class ClientVerb:
    """Something a client may do: which permission it needs, and how it is done."""

    permission: str
    call: Call
    check: Callable[[ClientPage, Values], None] = lambda page, values: None
    starts: bool = False  # ends with a VM that runs
    reveals: bool = False  # ends with a new password


def _own_snapshot(page: ClientPage, values: Values) -> None:
    _among(values["name"], [each.name for each in shown.snapshots(page.service_id) if each.ours])


def _room_for_snapshot(page: ClientPage, values: Values) -> None:
    if len(shown.snapshots(page.service_id)) >= page.snapshots:
        raise ClientRefused(RefusalReason.LIMIT)


def _own_backup(page: ClientPage, values: Values) -> None:
    _among(values["backup"], [each.backup for each in shown.backups(page.service_id) if each.ours])


def _offered_image(page: ClientPage, values: Values) -> None:
    _among(values["iso"], [each.iso for each in shown.iso_images(page.service_id)])


def _offered_template(page: ClientPage, values: Values) -> None:
    _among(values["template"], offered_templates(page.service_id))


def _among(value: str, offered: Any) -> None:
    if value not in offered:
        raise ClientRefused(RefusalReason.INPUT)


def _power(verb: str) -> Call:
    return lambda actor, number, values: vms.power(actor, number, verb)


VERBS: Mapping[str, ClientVerb] = {
    "start": ClientVerb("start", _power("start"), starts=True),
    "stop": ClientVerb("stop", _power("stop")),
    "shutdown": ClientVerb("stop", _power("shutdown")),
    "reboot": ClientVerb("reboot", _power("reboot"), starts=True),
    "password": ClientVerb(
        "password", lambda a, n, v: maintenance.reset_password(a, n), starts=True, reveals=True
    ),
    "reinstall": ClientVerb(
        "reinstall",
        lambda a, n, v: vms.reinstall(a, n, v["template"]),
        _offered_template,
        starts=True,
        reveals=True,
    ),
    "rdns": ClientVerb("rdns", lambda a, n, v: names.set_reverse(a, n, v["address"], v["name"])),
    "iso-mount": ClientVerb("iso", lambda a, n, v: maintenance.mount_iso(a, n, v["iso"]), _offered_image),
    "iso-eject": ClientVerb("iso", lambda a, n, v: maintenance.eject_iso(a, n)),
    "snapshot-create": ClientVerb(
        "snapshots", lambda a, n, v: maintenance.create_snapshot(a, n, v["name"]), _room_for_snapshot
    ),
    "snapshot-delete": ClientVerb(
        "snapshots", lambda a, n, v: maintenance.delete_snapshot(a, n, v["name"]), _own_snapshot
    ),
    "snapshot-rollback": ClientVerb(
        "snapshots", lambda a, n, v: maintenance.roll_back(a, n, v["name"]), _own_snapshot
    ),
    "backup-create": ClientVerb("backups", lambda a, n, v: maintenance.create_backup(a, n)),
    "backup-delete": ClientVerb(
        "backups", lambda a, n, v: maintenance.delete_backup(a, n, v["backup"]), _own_backup
    ),
    "backup-restore": ClientVerb(
        "backups", lambda a, n, v: maintenance.restore(a, n, v["backup"]), _own_backup, starts=True
    ),
    "backup-schedule": ClientVerb("backups", lambda a, n, v: maintenance.schedule(a, n, v["days"])),
}


def do(visit: Visit, verb: str, values: Values, nonce: str) -> int:
    """Request something for the service of a visit; the request's number, 0 when nothing had to be queued.

    `nonce` is the form's own: the same form sent twice is one request.
    """
    wanted = VERBS[verb]
    page = _allowed(visit, wanted.permission)
    wanted.check(page, values)
    digest = hashlib.sha256(json.dumps([verb, dict(values)], sort_keys=True).encode()).hexdigest()

    def work() -> KeptAnswer:
        vm = vm_of(visit.service_id)
        fresh = requests.lock(vm.id)
        if requests.open_of(vm.id):
            raise ClientRefused(RefusalReason.BUSY)
        if fresh.vm_status != "ready":
            raise ClientRefused(RefusalReason.NOT_READY)
        if wanted.starts:
            _refuse_suspended(vm)
        queued = wanted.call(visit.actor, visit.service_id, values)
        if wanted.reveals:
            mine = ClientSession.id == visit.id
            ClientSession.update(reveals=queued.request_id).where(mine).execute()
        return KeptAnswer(202, {"request": queued.request_id})

    return int(once(visit.actor, nonce, digest, work).document["request"])


def open_console(visit: Visit, screens: ScreenLinks) -> str:
    """A link to the VM's noVNC console, which opens once, within seconds."""
    _allowed(visit, "console")
    return screens.offer(visit.actor, visit.service_id)[1]


def password_waits(visit: Visit) -> bool:
    """Whether a password that was requested in this visit is set and can be shown."""
    with session():
        row = ClientSession.get_or_none(ClientSession.id == visit.id)
        return row is not None and _set(row.reveals)


def reveal_password(visit: Visit) -> tuple[str, str] | None:
    """User and new password, once; None when there is nothing to show."""
    _allowed(visit, "")

    def work() -> tuple[str, str] | None:
        row = ClientSession.get_by_id(visit.id)
        mine = (ClientSession.id == visit.id) & (ClientSession.reveals == row.reveals)
        if not _set(row.reveals) or not ClientSession.update(reveals=None).where(mine).execute():
            return None
        return login(visit.actor, visit.service_id)

    return in_transaction(work)


def _set(number: int | None) -> bool:
    row = None if number is None else Request.get_or_none(Request.id == number)
    return row is not None and row.state == "done"


def _allowed(visit: Visit, permission: str) -> ClientPage:
    if visit.view:
        raise ClientRefused(RefusalReason.VIEW)
    page = client_page(visit.service_id)
    if permission and permission not in page.may:
        raise ClientRefused(RefusalReason.FORBIDDEN)
    if page.condition == "ended":
        raise ClientRefused(RefusalReason.NOT_READY)
    return page


def _refuse_suspended(vm: Any) -> None:
    try:
        refuse_suspended(vm, "this")
    except Refused:
        raise ClientRefused(RefusalReason.SUSPENDED) from None
