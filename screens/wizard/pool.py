"""Step 4: the addresses machines get, suggested from the network the nodes have on their bridge."""

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
from screens.wizard.page import Line, Part, doubtful, good
from screens.wizard.state import Known, Need
from screens.wizard.step import Step, StepContext, StepForm, picked, saved

_ASKED = ("type", "bridge", "vlan", "gateway", "mask", "start", "stop", "dns1", "dns2")


class PoolStep(Step):
    """Makes a pool; without one, machines get their address by DHCP."""

    NAME: ClassVar[str] = "pool"
    LABEL: ClassVar[str] = "4 Pool"
    TITLE: ClassVar[str] = "Step 4 of 6: the addresses machines get"
    LATER: ClassVar[str] = "3, then a."
    NEED: ClassVar[Need] = "offers"

    def done(self, known: Known) -> bool:
        return bool(known.site.pools)

    def enter(self, known: Known) -> str:
        return "adds another" if known.site.pools else "opens the form"

    def words(self, known: Known) -> Iterable[Part]:
        for pool in known.site.pools:
            yield good(
                f"{pool.start} – {pool.stop} on {pool.bridge}: {pool.free:,} of {pool.total:,} are free."
            )
            yield Line(f"Reverse zone: {pool.rdns_zone}", "muted", indent=4)
        if known.site.pools:
            yield Line()
        else:
            yield Line(
                "A pool is a range of addresses that kvmtui hands out, one machine after the other. Skip this (n) "
                "when your machines get their address by DHCP."
            )
            yield Line()
        yield from _networks(known)

    async def act(self, place: StepContext, known: Known) -> bool:
        offers = known.offers
        bridges = [each.name for each in offers.bridges] if offers else []
        form = StepForm(
            place.draft,
            picked(questions(PoolForm), _ASKED),
            lambda answers: _made(answers, known),
            _suggestion(known),
            {"bridge": bridges},
        )
        outcome = await saved(
            place,
            f"Add a pool of {known.site.server}",
            form,
            lambda answers: create_pool(_made(answers, known), actor()),
            _leads_to,
            first="start",
        )
        return outcome is not None


def _made(answers: Mapping[str, object], known: Known) -> PoolForm:
    return checked(PoolForm, {**nested(answers), "server": known.site.server})


def _leads_to(form: forms.Form, values: Mapping[str, object]) -> None:
    """The reverse zone of the network, as it is typed."""
    zone = reverse_zone(str(values.get("gateway") or ""), values.get("mask"))
    form.hint("mask", f"Reverse zone: {zone}" if zone else "")


def _networks(known: Known) -> Iterator[Part]:
    """What the nodes have on their bridges, and what would be free there while no pool is on it."""
    offers, pooled = known.offers, {pool.bridge for pool in known.site.pools}
    for bridge in offers.bridges if offers else ():
        where = ", ".join(bridge.nodes)
        if not bridge.network:
            yield Line(f"    {bridge.name} on {where}: no network can be read there.", "muted", hang=4)
            continue
        yield Line(
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


def _suggestion(known: Known) -> dict[str, object]:
    """How the form is filled: from the first bridge with a network, unless a pool is on it already."""
    offers, pooled = known.offers, {pool.bridge for pool in known.site.pools}
    for bridge in offers.bridges if offers else ():
        free = free_range(bridge)
        if free is not None and bridge.name not in pooled:
            found = {"gateway": free.gateway, "mask": free.mask, "start": free.start, "stop": free.stop}
            return {"type": "IPv4", "bridge": bridge.name, **found}
    first = next((each.name for each in offers.bridges), "vmbr0") if offers else "vmbr0"
    return {"type": "IPv4", "bridge": first}
