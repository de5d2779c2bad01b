"""The site's settings: each section is put as a whole."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.actions.permission import needs
from engine.actions.repository import Difference, PutResult, flat, record
from engine.audit import Actor
from engine.forms.faults import BadInput, Fault
from engine.forms.form import KEEP, Form, plain, secret_fields
from engine.forms.settings import CronForm, GeneralForm, RetentionForm, SmtpForm, ThresholdsForm
from engine.mail.outbox import CHANNEL
from engine.redact import MASK
from engine.roles import Role
from engine.store import settings
from engine.store.database import in_transaction
from engine.work import wake

FORMS: dict[str, type[Form]] = {
    "general": GeneralForm,
    "cron": CronForm,
    "smtp": SmtpForm,
    "retention": RetentionForm,
    "thresholds": ThresholdsForm,
}
_SECTIONS: dict[str, type[Any]] = {
    "general": settings.General,
    "cron": settings.Cron,
    "smtp": settings.Smtp,
    "retention": settings.Retention,
    "thresholds": settings.Thresholds,
}


def current_settings(section: str) -> dict[str, Any]:
    """A section as its form reads; a stored secret reads `__KEEP__`."""
    values = _stored(section)
    return values | {field: KEEP for field in secret_fields(FORMS[section]) if values[field]}


@needs(Role.OWNER, "change settings", whole_site=True)
def put_settings(section: str, form: Form, actor: Actor) -> PutResult:
    """Make a section match the form."""
    return in_transaction(lambda: _put(section, form, actor))


def _put(section: str, form: Form, actor: Actor) -> PutResult:
    old, hidden = _stored(section), secret_fields(type(form))
    new = plain(form)
    for field in hidden:
        if new[field] == KEEP:
            if not old[field]:
                raise BadInput([Fault((field,), f"{KEEP} keeps a stored secret, and none is stored yet.")])
            new[field] = old[field]
    before, after = flat(old), flat(new)
    found = [
        Difference(name, *_shown(name in hidden, before.get(name), after[name]))
        for name in after
        if before.get(name) != after[name]
    ]
    if not found:
        return PutResult("setting", section, "same", section)
    _write(section, new)
    if section == "smtp":
        wake.notify(CHANNEL)  # mails that wait for a mail server go now
    record(
        actor,
        "change",
        "setting",
        section,
        section,
        {each.field: each.old for each in found},
        {each.field: each.new for each in found},
    )
    return PutResult("setting", section, "change", section, tuple(found))


def _shown(hidden: bool, old: Any, new: Any) -> tuple[Any, Any]:
    if not hidden:
        return old, new
    return (MASK if old else ""), ("(new) " + MASK if new else "")


def _stored(section: str) -> dict[str, Any]:
    """A section in plain values, its secrets in clear."""
    return asdict(settings.read(_SECTIONS[section]))


def _write(section: str, values: dict[str, Any]) -> None:
    settings.write(_SECTIONS[section](**values))
