"""Step 5: a plan to sell, in the few answers that matter; everything else can be changed under 5."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from engine.actions.products import create_product
from engine.forms import ProductForm, checked
from engine.queries.offers import TemplateOffer
from screens.framework.form_questions import nested, questions
from screens.framework.screen import actor
from screens.widgets import form as forms
from screens.widgets.fields import FormField
from screens.wizard.page import Paragraph, Part, doubtful, good
from screens.wizard.state import Need, WizardState
from screens.wizard.step import StepContext, StepForm, WizardStep, picked, saved
from screens.wizard.template import usable

_ASKED = (
    *("name", "template", "cores", "memory", "system_disk__size"),
    *("system_disk__storage", "clone", "network__bridge", "main_domain"),
)
_TITLES = {"system_disk__size": "Disk", "system_disk__storage": "Disk on"}
_BY_DHCP = "network__dhcp4"
_LEAST_DISK = 10


class ProductStep(WizardStep):
    """Makes the first product out of what the cluster offers."""

    NAME: ClassVar[str] = "product"
    LABEL: ClassVar[str] = "5 Product"
    TITLE: ClassVar[str] = "Step 5 of 6: the first product"
    LATER: ClassVar[str] = "5, then +."
    NEED: ClassVar[Need] = "offers"

    def done(self, known: WizardState) -> bool:
        return bool(known.site.products)

    def enter(self, known: WizardState) -> str:
        return "adds another" if known.site.products else "opens the form"

    def words(self, known: WizardState) -> Iterable[Part]:
        for name in known.site.products:
            yield good(f"{name} can be sold.")
        if known.site.products:
            yield Paragraph()
        yield Paragraph(
            "A product defines what its VMs are made from. Enter a name and the size of its VMs; the "
            "other settings have defaults and can be changed at any time with 5."
        )
        yield Paragraph()
        if known.chosen is not None:
            each = known.chosen
            yield Paragraph(
                f"    Template {each.vmid} {each.name}, {each.gib} GiB on {each.storage} of {each.node}"
            )
        for storage in known.offers.storing("images") if known.offers else ():
            yield Paragraph(f"    Storage {storage.name} ({storage.type}), {storage.free_gib:,} GiB free")
        for pool in known.site.pools:
            yield Paragraph(f"    Addresses {pool.start} – {pool.stop} on {pool.bridge}, {pool.free:,} free")
        if not known.site.pools:
            yield doubtful("No pool is set up, so its VMs will get their address by DHCP.")

    async def act(self, context: StepContext, known: WizardState) -> bool:
        asked = _ASKED if known.site.pools else (*_ASKED, _BY_DHCP)
        form = StepForm(
            context.draft,
            _questions(asked),
            lambda answers: _made(answers, known),
            _suggestion(known),
            _choices(known),
        )
        outcome = await saved(
            context,
            f"Add a product on {known.site.server}",
            form,
            lambda answers: create_product(_made(answers, known), actor()),
            lambda form, values: _leads_to(form, values, known),
        )
        return outcome is not None


def _questions(asked: Sequence[str]) -> Sequence[FormField]:
    """Some questions of a product; without their headings two of them need a title that says more."""
    found = picked(questions(ProductForm), asked)
    return [replace(each, title=_TITLES.get(each.name, each.title)) for each in found]


def _made(answers: Mapping[str, object], known: WizardState) -> ProductForm:
    """The whole product; a pool on the chosen bridge decides bridge and VLAN."""
    values: dict[str, Any] = nested(answers)
    network = dict(values.pop("network", {}))
    network["auto_bridge"] = network.get("bridge") in {pool.bridge for pool in known.site.pools}
    return checked(ProductForm, {**values, "network": network, "server": known.site.server})


def _choices(known: WizardState) -> dict[str, Sequence[str]]:
    offers = known.offers
    if offers is None:
        return {}
    templates = [str(each.vmid) for each in usable(offers)]
    return {
        "template": [] if offers.more_templates else templates,
        "system_disk__storage": [each.name for each in offers.storing("images")],
        "network__bridge": [each.name for each in offers.bridges],
    }


def _suggestion(known: WizardState) -> dict[str, object]:
    chosen = known.chosen or next(iter(usable(known.offers)), None)
    bridges = [pool.bridge for pool in known.site.pools]
    bridges += [each.name for each in known.offers.bridges] if known.offers else []
    forward = next((zone for zone in known.site.zones if not zone.endswith(".arpa")), "")
    filled: dict[str, object] = {"cores": 1, "memory": 1024, "clone": "linked", "main_domain": forward}
    filled |= {"network__bridge": bridges[0] if bridges else "vmbr0", _BY_DHCP: True}
    if chosen is None:
        return filled | ({"template": known.template} if known.template else {})
    disk = {"system_disk__size": max(_LEAST_DISK, chosen.gib), "system_disk__storage": chosen.storage}
    return filled | disk | {"template": chosen.vmid}


def _leads_to(form: forms.FormWidget, values: Mapping[str, object], known: WizardState) -> None:
    """What the answers lead to: which template that is, where a linked clone lies, whether a pool is there."""
    template = _template(known, values.get("template"))
    about = (
        f"{template.name}, {template.gib} GiB on {template.storage} of {template.node}" if template else ""
    )
    form.hint("template", about)
    linked = template is not None and values.get("clone") == "linked"
    elsewhere = template is not None and values.get("system_disk__storage") not in (
        "",
        None,
        template.storage,
    )
    stays = f"A linked clone stays on {template.storage}; choose full." if template is not None else ""
    form.hint("clone", stays if linked and elsewhere else "")
    bridge, pools = values.get("network__bridge"), known.site.pools
    alone = bool(pools) and bridge not in {pool.bridge for pool in pools}
    form.hint("network__bridge", f"No pool is on {bridge}: its VMs would get no address." if alone else "")


def _template(known: WizardState, answer: object) -> TemplateOffer | None:
    return next((each for each in usable(known.offers) if str(each.vmid) == str(answer)), None)
