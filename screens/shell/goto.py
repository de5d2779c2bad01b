"""Goes to what the text typed after `:` names: a VM, another record, a screen or a section of the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import KvmtuiError, Refused
from engine.queries.attention import ScreenTarget
from engine.queries.names import NamedRecord, match, named
from engine.queries.refs import vm_ref
from engine.queries.vm_list import VmQuestion, page
from screens.common.actions import SCREENS
from screens.dashboard.navigation import follow
from screens.widgets.dialogs import Choice, Choose

SCREEN_OF = {
    "vm": "vm",
    "client": "clients",
    "product": "products",
    "server": "servers",
    "pool": "pools",
    "zone": "zones",
    "setting": "settings",
}
"""The screen that shows a record of each kind."""
_MOST = 50


@dataclass(frozen=True, slots=True)
class GotoTarget:
    """Something that can be gone to: how it is called, what else identifies it, and where it is."""

    label: str
    about: str
    target: ScreenTarget
    quality: float = 1.0
    """How well the words fit its name; see `engine.queries.names.match`."""


async def go(app: Any, words: str) -> None:
    """Opens the one thing that is meant; asks when there are several, and notifies when there is none."""
    try:
        found = await asyncio.to_thread(destinations, words)
    except KvmtuiError as error:
        app.notify(error.sentence, severity="warning", markup=False)
        return
    chosen: GotoTarget | None = found[0]
    if len(found) > 1:
        by_label = {each.label: each for each in found}
        choices = [Choice(label, each.about) for label, each in by_label.items()]
        chosen = by_label.get(await app.push_screen_wait(Choose(f"Go to '{words}'", choices)) or "")
    if chosen is not None:
        follow(app, chosen.target)


def open_record(app: Any, kind: str, key: int | str) -> None:
    """Opens the record of that kind, on its screen."""
    follow(app, ScreenTarget(SCREEN_OF[kind], key))


def destinations(words: str) -> list[GotoTarget]:
    """What the words may mean, at least one thing; refused when they mean nothing.

    A service id, `vmid:N`, an address and the full name of a VM mean one VM. A whole name goes before parts of names.
    """
    try:
        ref = vm_ref(words)
    except Refused as refusal:
        unknown = refusal
    else:
        if ref.name.casefold() != words.casefold():
            return [_vm(ref.service_id, ref.name)]
    found = [
        *_screens(words),
        *_settings(words),
        *(_record(each, words) for each in named(words, most=_MOST)),
    ]
    if exact := [each for each in found if each.quality == match(words, words)]:
        return exact
    close = [each for each in found if each.quality >= 1]
    return _holders(words) or close or found[:_MOST] or _refuse(words, unknown)


def _holders(words: str) -> list[GotoTarget]:
    """The VMs with an address that is, or begins with, the words."""
    if not set(words) <= set("0123456789abcdefABCDEF.:/") or not set(words) & set(".:"):
        return []
    return [_vm(each.service_id, each.name) for each in page(VmQuestion(text=f"ip:{words}"), 0, _MOST)]


def _refuse(words: str, unknown: Refused) -> list[GotoTarget]:
    """VMs that the filter of the list finds, such as by a reverse name; refused when there is none."""
    fitting = page(VmQuestion(text=words), 0, _MOST)
    if not fitting:
        raise Refused(f"Nothing is called '{words}'. Type part of a name, an id or an address.") from unknown
    return [_vm(each.service_id, each.name) for each in fitting]


def _vm(service_id: int, name: str) -> GotoTarget:
    return GotoTarget(f"vm {service_id} {name}", "", ScreenTarget("vm", service_id))


def _record(found: NamedRecord, words: str) -> GotoTarget:
    label = f"{found.kind} {found.key if found.kind == 'vm' else ''} {found.name}".replace("  ", " ")
    target = ScreenTarget(SCREEN_OF[found.kind], found.key)
    return GotoTarget(label, found.about, target, match(words, found.name) or 0)


def _screens(words: str) -> Iterator[GotoTarget]:
    for each in SCREENS:
        quality = max(match(words, name) or 0 for name in (each.label, each.argument))
        if quality:
            yield GotoTarget(f"screen {each.label}", each.help, ScreenTarget(each.argument), quality)


def _settings(words: str) -> Iterator[GotoTarget]:
    """The sections of the settings and the scheduled tasks."""
    from engine.schedule.registry import TASKS
    from screens.settings.screen import SECTIONS

    tasks = {each.name: (each.name, each.does) for each in TASKS}
    for key, (title, about) in (SECTIONS | tasks).items():
        if quality := match(words, title):
            yield GotoTarget(f"setting {title}", about, ScreenTarget("settings", key), quality)
