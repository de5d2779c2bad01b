"""Step 4: addresses for VMs, suggested from the network of the nodes' bridge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

from engine.actions.pools import create_pool
from engine.forms import PoolForm, checked
from engine.queries.offers import BridgeOffer, free_range
from engine.queries.pools import reverse_zone
from screens.framework.form_questions import nested, questions
from screens.framework.screen import actor
from screens.widgets import form as forms
from screens.wizard.page import Paragraph, Part, doubtful, good
from screens.wizard.state import Need, WizardState
from screens.wizard.step import StepContext, StepForm, WizardStep, picked, saved

_ASKED = ("type", "bridge", "vlan", "gateway", "mask", "start", "stop", "dns1", "dns2")


class PoolStep(WizardStep):
    """Adds a pool; without one, VMs get their address by DHCP."""

    NAME: ClassVar[str] = "pool"
    LABEL: ClassVar[str] = "4 Pool"
    TITLE: ClassVar[str] = "Step 4 of 6: addresses for VMs"
    LATER: ClassVar[str] = "3, then +."
    NEED: ClassVar[Need] = "offers"

    def done(self, known: WizardState) -> bool:
        return bool(known.site.pools)

    def enter(self, known: WizardState) -> str:
        return "adds another" if known.site.pools else "opens the form"

    def words(self, known: WizardState) -> Iterable[Part]:
        for pool in known.site.pools:
            yield good(
                f"{pool.start} – {pool.stop} on {pool.bridge}: {pool.free:,} of {pool.total:,} are free."
            )
            yield Paragraph(f"Reverse zone: {pool.rdns_zone}", "muted", indent=4)
        if known.site.pools:
            yield Paragraph()
        else:
            yield Paragraph(
                "A pool is a range of addresses that kvmtui assigns to VMs. Skip this step (n) "
                "if your VMs get their address by DHCP."
            )
            yield Paragraph()
        yield from _networks(known)

    async def act(self, context: StepContext, known: WizardState) -> bool:
        offers = known.offers
        bridges = [each.name for each in offers.bridges] if offers else []
        form = StepForm(
            context.draft,
            picked(questions(PoolForm), _ASKED),
            lambda answers: _made(answers, known),
            _suggestion(known),
            {"bridge": bridges},
        )
        outcome = await saved(
            context,
            f"Add a pool of {known.site.server}",
            form,
            lambda answers: create_pool(_made(answers, known), actor()),
            _leads_to,
            first="start",
        )
        return outcome is not None


def _made(answers: Mapping[str, object], known: WizardState) -> PoolForm:
    return checked(PoolForm, {**nested(answers), "server": known.site.server})


def _leads_to(form: forms.FormWidget, values: Mapping[str, object]) -> None:
    """The reverse zone of the network, as it is typed."""
    zone = reverse_zone(str(values.get("gateway") or ""), values.get("mask"))
    form.hint("mask", f"Reverse zone: {zone}" if zone else "")


def _networks(known: WizardState) -> Iterator[Part]:
    """What the nodes have on their bridges, and what would be free there while no pool is on it."""
    offers, pooled = known.offers, {pool.bridge for pool in known.site.pools}
    for bridge in offers.bridges if offers else ():
        where = ", ".join(bridge.nodes)
        if not bridge.network:
            yield Paragraph(f"    {bridge.name} on {where}: no network can be read there.", "muted", hang=4)
            continue
        yield Paragraph(
            f"    {bridge.name} on {where}: {bridge.network}, gateway {bridge.gateway or 'unknown'}, nodes at "
            f"{', '.join(bridge.taken)}.",
            hang=4,
        )
        if bridge.name not in pooled:
            yield from _stretch(bridge)


def _stretch(bridge: BridgeOffer) -> Iterator[Part]:
    free = free_range(bridge)
    if free is not None:
        yield doubtful(
            f"Suggested: {free.start} – {free.stop}. Proxmox does not know what else uses addresses there: make "
            "the range smaller where somebody does."
        )


def _suggestion(known: WizardState) -> dict[str, object]:
    """How the form is filled: from the first bridge with a network, unless a pool is on it already."""
    offers, pooled = known.offers, {pool.bridge for pool in known.site.pools}
    for bridge in offers.bridges if offers else ():
        free = free_range(bridge)
        if free is not None and bridge.name not in pooled:
            found = {"gateway": free.gateway, "mask": free.mask, "start": free.start, "stop": free.stop}
            return {"type": "IPv4", "bridge": bridge.name, **found}
    first = next((each.name for each in offers.bridges), "vmbr0") if offers else "vmbr0"
    return {"type": "IPv4", "bridge": first}
