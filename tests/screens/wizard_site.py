"""What the tests of the first steps share: a cluster, a site on it as far as a test wants, and ways to look."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions.pools import create_pool
from engine.actions.products import create_product
from engine.audit import Actor
from engine.forms import PoolForm, ProductForm, checked
from engine.store import secrets
from engine.store.models import Server
from kvmtui.lab import Lab
from screens.widgets.dialogs import Dialog
from screens.widgets.form import FormDialog
from screens.wizard.page import KeyHints, StepPage
from screens.wizard.screen import WizardScreen
from tests.screens.console_site import place, settle
from tests.screens.pressing import until

ME = Actor("tester", "", "console")
MAKES: dict[str, Any] = {
    "name": "VPS-1",
    "server": "pve-lab",
    "template": 9002,
    "clone": "full",
    "name_rule": "vps-{service_id}",
}


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A cluster on which nothing takes long."""
    with Lab(speed=200) as lab:
        yield lab


def add_server(lab: Lab, **changes: Any) -> Server:
    """The lab as the site's server."""
    uid = str(uuid.uuid4())
    made: Server = Server.create(
        uid=uid,
        name="pve-lab",
        **{"hosts": [lab.host], "port": lab.port, **changes},
        token_id=lab.token_id,
        token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        tls={"fingerprint": lab.fingerprint},
    )
    return made


def add_pool() -> None:
    """A pool on its first bridge."""
    values = {"server": "pve-lab", "type": "IPv4", "bridge": "vmbr0", "gateway": "192.0.2.1", "mask": 24}
    create_pool(checked(PoolForm, {**values, "start": "192.0.2.20", "stop": "192.0.2.30"}), ME)


def add_product(**changes: Any) -> None:
    """A plan of its smallest template."""
    create_product(checked(ProductForm, {**MAKES, **changes}), ME)


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Presses keys one after the other, each once what the last one began has come to rest."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def wizard(pilot: Pilot[Any]) -> WizardScreen:
    """The place of the first steps."""
    found = place(pilot)
    assert isinstance(found, WizardScreen), found
    return found


def page(pilot: Pilot[Any]) -> str:
    """What the step says, and what enter does."""
    screen = pilot.app.screen_stack[0]
    words = [screen.query_one(each).render() for each in (StepPage, KeyHints)]  # type: ignore[type-abstract]
    return "\n".join(getattr(each, "plain", str(each)) for each in words)


def step(pilot: Pilot[Any]) -> str:
    """The step that is open."""
    return wizard(pilot).step.NAME


def shown_messages(pilot: Pilot[Any]) -> list[str]:
    """The sentences that popped up."""
    return [str(note.message) for note in pilot.app._notifications]


async def form(pilot: Pilot[Any]) -> Any:
    """Opens the form of the step."""
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, FormDialog))
    return pilot.app.screen.form  # type: ignore[attr-defined]


async def save(pilot: Pilot[Any], **answers: object) -> None:
    """Answers the form that is open, saves it, and waits until it is gone."""
    dialog: Any = pilot.app.screen
    for name, value in answers.items():
        dialog.form.fill(name, value)
    await pilot.pause()
    await pilot.press("ctrl+o")
    await until(pilot, lambda: pilot.app.screen is not dialog)
    await settle(pilot)


def no_dialog(pilot: Pilot[Any]) -> bool:
    """Whether nothing asks."""
    return not isinstance(pilot.app.screen, Dialog)
