"""Notifications for operators: send a test, resend failed ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from engine.actions.permission import needs
from engine.actions.repository import record
from engine.audit import Actor
from engine.errors import KvmtuiError, NotFound, Refused
from engine.nearest import nearest
from engine.notify.message import sample
from engine.notify.post import MISSING, fault_of, is_installed
from engine.notify.recording import CHANNEL
from engine.notify.sender import deliver
from engine.notify.settings import Receiver, receivers, url_of
from engine.roles import Role
from engine.store.database import in_transaction
from engine.store.models import Notification
from engine.work import wake


@dataclass(frozen=True, slots=True)
class NotifyAnswer:
    """What became of a test at one target; `error` is empty when it was taken."""

    target: str
    sent: bool
    error: str


@needs(Role.OWNER, "send a test notification", whole_site=True)
def test(actor: Actor, names: Sequence[str] = ()) -> list[NotifyAnswer]:
    """Send a test now to these targets, or to every one, whatever their level and quiet hours."""
    wanted = [_receiver(name) for name in names] or list(receivers().values())
    if not wanted:
        raise Refused(
            "No notification targets are set up. Add one to config.toml under [notify.targets.NAME]."
        )
    if not is_installed():
        raise Refused(MISSING)
    message = sample()
    with ThreadPoolExecutor(len(wanted)) as pool:
        errors = list(pool.map(lambda each: deliver(each, message), wanted))

    def work() -> None:
        for each, error in zip(wanted, errors, strict=True):
            record(actor, "test", "notify", each.name, each.name, {}, {"sent": not error})

    in_transaction(work)
    return [NotifyAnswer(each.name, not error, error) for each, error in zip(wanted, errors, strict=True)]


@needs(Role.OWNER, "resend notifications", whole_site=True)
def resend(actor: Actor, names: Sequence[str] = ()) -> int:
    """Queue the failed notifications of these targets, or of every one, for one more attempt; how many."""
    wanted = [_receiver(name).name for name in names] or list(receivers())

    def work() -> int:
        total = 0
        for name in wanted:
            mine = (Notification.state == "failed") & (Notification.target == name)
            count = Notification.update(state="pending", error="").where(mine).execute()
            if count:
                record(actor, "resend", "notify", name, name, {"failed": count}, {"pending": count})
            total += count
        if total:
            wake.notify(CHANNEL)
        return total

    return in_transaction(work)


def faults() -> dict[str, str]:
    """Why a target cannot be sent anything, by its name; empty for one that can, as far as that shows here."""
    return {name: _fault(each) for name, each in receivers().items()}


def _fault(each: Receiver) -> str:
    try:
        return fault_of(url_of(each))
    except KvmtuiError as error:
        return error.sentence


def _receiver(name: str) -> Receiver:
    found = receivers().get(name)
    if found is None:
        raise NotFound(f"Target '{name}' not found in config.toml.{nearest(name, list(receivers()))}")
    return found
