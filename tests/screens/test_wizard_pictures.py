"""How the first steps look at both sizes, on a site and a cluster that always say the same; and hostile words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions.doctor import CheckView
from engine.queries.offers import BridgeOffer, Offers, ShownCertificate, StorageOffer, TemplateOffer
from engine.queries.pools import PoolView, pools
from engine.queries.setup import FirstVm, SetUp
from engine.store.models import Server
from screens.widgets.dialogs import PlanDialog
from screens.wizard import steps
from screens.wizard.certificate_dialog import Trust
from screens.wizard.page import StepPage
from screens.wizard.state import WizardState
from screens.wizard.summary import summary
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, console, settle, steady
from tests.screens.pictures import LARGE, SMALL, Pictures, forget
from tests.screens.wizard_site import add_pool, add_product, wizard

GIVE = "pveum role modify KvmtuiConsole --append 1 --privs VM.Clone && pveum acl modify /vms --roles KvmtuiConsole"
CHECKS = (
    CheckView("server", "host 192.0.2.11", "ok", "192.0.2.11 port 8006 answers."),
    CheckView("server", "login", "ok", "Logged in as kvmtui@pve!console."),
    CheckView("server", "privilege VM.Audit on /vms", "ok", "It is held."),
    CheckView(
        "server", "privilege VM.Clone on /vms", "fail", "It is missing.", f"{GIVE} --users 'kvmtui@pve'"
    ),
    CheckView(
        "server", "cluster firewall", "warn", "The cluster's firewall is off.", "Datacenter → Firewall"
    ),
)
OFFERS = Offers(
    "pve-waw1",
    (
        TemplateOffer(9000, "debian-13", "pve1", "local-lvm", 3, True, True),
        TemplateOffer(9001, "ubuntu-24.04", "pve2", "local-lvm", 4, True, False),
        TemplateOffer(9002, "windows-2022-of-a-name-that-is-long", "pve2", "ceph", 32, False, False),
    ),
    0,
    (StorageOffer("ceph", "rbd", frozenset({"images"}), 8191),),
    (
        BridgeOffer("vmbr0", ("pve1", "pve2"), "192.0.2.0/24", "192.0.2.1", ("192.0.2.11",)),
        BridgeOffer("vmbr1", ("pve1",)),
    ),
)
FINGERPRINT = ":".join(["AB"] * 32)
SPEC = {"template": 9000, "cores": 2, "memory": 2048, "system_disk": {"size": 20, "storage": "local-lvm"}}
Scene = Callable[[Pilot[Any]], Any]


async def turn(pilot: Pilot[Any], name: str, **known: Any) -> None:
    """Turns to a step that knows what the fixed cluster says."""
    place = wizard(pilot)
    place.known = replace(place.known, offers=OFFERS, checks=CHECKS, **known)
    place._turn(next(each for each in steps.PAGES if name == each.NAME))
    await settle(pilot)


async def form(pilot: Pilot[Any], name: str) -> None:
    await turn(pilot, name)
    await pilot.press("enter")
    await settle(pilot)


async def failed(pilot: Pilot[Any]) -> None:
    await turn(pilot, "template")
    place = wizard(pilot)
    why = {"offers": "pve-lab (192.0.2.11) does not answer: no answer within 10 s."}
    place.known = replace(place.known, offers=None, errors=why)
    place._show()


async def ending(pilot: Pilot[Any]) -> None:
    await turn(pilot, "ending", skipped=frozenset({"zone", "service"}))
    place = wizard(pilot)
    vm = FirstVm(1, "vps-1", "set_ip", "storage local-lvm is full on pve1")
    place.known = replace(place.known, site=replace(place.known.site, vm=vm))
    place._show()


def plan(pilot: Pilot[Any]) -> Any:
    lines = summary(
        wizard(pilot).known, SPEC, {"name": "Acme", "email": "ops@acme.example", "product": "VPS-1"}
    )
    return pilot.app.push_screen(PlanDialog("This will happen", lines, yes="Deploy it"))


SCENES: dict[str, Scene] = {
    "trust": lambda pilot: pilot.app.push_screen(Trust([ShownCertificate("192.0.2.11", FINGERPRINT)])),
    "trust-several": lambda pilot: pilot.app.push_screen(
        Trust(
            [
                ShownCertificate("192.0.2.11", FINGERPRINT),
                ShownCertificate("192.0.2.12", FINGERPRINT.replace("AB", "CD")),
            ]
        )
    ),
    "test": lambda pilot: turn(pilot, "test", failing=True),
    "failed": failed,
    "template": lambda pilot: turn(pilot, "template"),
    "pool": lambda pilot: turn(pilot, "pool"),
    "pool-form": lambda pilot: form(pilot, "pool"),
    "product-form": lambda pilot: form(pilot, "product"),
    "plan": plan,
    "ending": ending,
}
WIDE = ("template", "product-form", "plan")


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """A site without a VM; its server is never asked."""
    Server.create(uid="s", name="pve-lab", hosts=["192.0.2.11"], token_id="kvmtui@pve!console", last_ok_at=1)
    add_pool()
    add_product()
    return sqlite_store


async def test_a_step_looks_as_it_did(site: Store, pictures: Pictures) -> None:
    for size, names in ((SMALL, tuple(SCENES)), (LARGE, WIDE)):
        async with console().run_test(size=size, notifications=True) as pilot:
            for name in names:
                await forget(pilot)
                await pilot.app.open("wizard")  # type: ignore[attr-defined]
                await settle(pilot)
                await SCENES[name](pilot)
                await steady(pilot)
                pictures.take(pilot, name)


@pytest.mark.parametrize(
    ("keys", "size"),
    [("", (80, 24)), ("", (120, 40)), ("enter", (80, 24))],
    ids=["page-80x24", "page-120x40", "form-80x24"],
)
def test_an_empty_site_opens_as_it_did(
    keys: str, size: tuple[int, int], sqlite_store: Store, snap_compare: Callable[..., bool]
) -> None:
    async def walk(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press(*keys.split())
        await settle(pilot)
        await pilot.pause()

    assert snap_compare(console(), terminal_size=size, run_before=walk)


# What strangers wrote


def hostile_known() -> WizardState:
    """A cluster and a site on which every name was chosen to do harm."""
    pool: PoolView = pools("pve-lab")[0]
    template = TemplateOffer(9000, HOSTILE, HOSTILE, HOSTILE, 3, True, False)
    lacking = replace(template, vmid=9001, cloudinit=False)
    return WizardState(
        site=SetUp(
            HOSTILE, (HOSTILE,), HOSTILE, False, (pool,), (HOSTILE,), (HOSTILE,), (HOSTILE,),
            FirstVm(1, HOSTILE, "clone", HOSTILE),
        ),
        template=9000,
        offers=Offers(
            HOSTILE, (template, lacking), 3, (StorageOffer(HOSTILE, HOSTILE, frozenset({"images"}), 1),),
            (BridgeOffer(HOSTILE, (HOSTILE,)),), frozenset(), (HOSTILE,),
        ),
        checks=(CheckView(HOSTILE, HOSTILE, "fail", HOSTILE, HOSTILE), CheckView("", "tls x", "warn", HOSTILE)),
    )  # fmt: skip


@pytest.mark.parametrize("step", steps.PAGES, ids=lambda step: step.NAME)
async def test_foreign_text_does_no_harm_and_stays_visible(step: Any, site: Store, stage: Any) -> None:
    page = StepPage()
    async with stage(page).run_test(size=(80, 24)) as pilot:
        page.show(step.words(hostile_known()))
        await pilot.pause()
        words = page.render().plain
    assert step.NAME == "service" or "a[/b]" in words, "the page of the service names nobody"
    assert not any(sign in words for sign in ("\x1b", "\u202e", "\x00"))


def test_a_command_to_copy_is_one_safe_line(site: Store) -> None:
    from screens.common.text import pasteable

    for step in steps.PAGES:
        for command in step.commands(hostile_known()):
            assert "\x1b" not in pasteable(command) and "\n" not in pasteable(command)
