"""Prepares an import until nothing in it would be refused, and carries it out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from engine.actions.requests import Queued
from engine.audit import Actor
from engine.errors import KvmtuiError
from engine.imports.whmcs.adopting import adopt_service, reserve_addresses
from engine.imports.whmcs.inspecting import inspect_all
from engine.imports.whmcs.plan import GROUPS, NEW, REFUSED, Adoption, ShopLine, ShopPlan, flat
from engine.imports.whmcs.planning import ShopMaps, plan_import
from engine.imports.whmcs.shop import Shop
from engine.work.servers import Servers
from kvmtui.imports.tick_list import TickLine, difference
from kvmtui.manifest import applying
from kvmtui.manifest.checking import BadManifest

_PLACE = re.compile(r"(pools|products|clients)\[(\d+)\]")
_GROUP = {"pools": "pool", "products": "product", "clients": "client"}
Choose = Callable[[Adoption], str | None]


def prepare(shop: Shop, maps: ShopMaps, actor: Actor) -> ShopPlan:
    """The plan of an import, tried on the database without changing it, and with every VM looked at."""
    plan = plan_import(shop, maps)
    while _try_manifest(plan, actor):  # what is left may be refused for want of what was taken out
        pass
    inspect_all(plan)
    plan.lines += map(_line, plan.adoptions)
    plan.lines.sort(key=_order)
    return plan


def _order(line: ShopLine) -> tuple[int, int]:
    """Services by their number; other groups stay in their order."""
    word, _, number = line.name.partition(" ")
    return list(GROUPS).index(line.group), int(
        number
    ) if word == line.group == "service" and number.isdigit() else 0


def _line(each: Adoption) -> ShopLine:
    name = f"service {each.service}"
    if each.why:
        return ShopLine("service", REFUSED, name, f"VM {each.vmid} on {each.server}: {each.why}")
    suspended = ", suspended" if each.prior.suspended else ""
    notes = "".join(f" {note}" for note in each.notes)
    text = f"adopt VM {each.vmid} ({each.called}) on {each.server} for {each.client} as {each.product}{suspended}."
    return ShopLine("service", NEW, name, text + notes)


def _try_manifest(plan: ShopPlan, actor: Actor) -> bool:
    """Take out of the manifest what would be refused, and refuse what needs it; whether there was anything."""
    try:
        applying.apply(plan.manifest, actor, dry_run=True)
    except BadManifest as bad:
        faults: dict[tuple[str, int], list[str]] = {}
        for _, path, sentence in bad.faults:
            place = _PLACE.match(path)
            if place is None:
                raise
            faults.setdefault((place[1], int(place[2])), []).append(" ".join(sentence.split()))
        for (section, number), sentences in sorted(faults.items(), reverse=True):
            _take_out(plan, section, plan.manifest[section].pop(number), " ".join(sentences))
        return True
    return False


def _take_out(plan: ShopPlan, section: str, values: dict[str, Any], why: str) -> None:
    name = values.get("name") or f"{values['server']} {values['start']} to {values['stop']}"
    plan.lines = [
        replace(line, sign=REFUSED, text=why) if (line.group, line.name) == (_GROUP[section], name) else line
        for line in plan.lines
    ]
    for each in plan.adoptions:
        if name == {"products": each.product, "clients": each.client}.get(section):
            each.why = f"its {_GROUP[section]} '{name}' cannot be made: {why}"


@dataclass(slots=True)
class ImportDone:
    """What an import did."""

    made: applying.ApplyReport
    reserved: list[ShopLine]
    lines: list[ShopLine] = field(default_factory=list)
    queued: list[Queued] = field(default_factory=list)


def begin(plan: ShopPlan, actor: Actor) -> ImportDone:
    """Make pools, products and clients, and reserve the addresses of services that are not here."""
    made = applying.apply(plan.manifest, actor)
    return ImportDone(made, reserve_addresses(actor, plan))


def adopt(plan: ShopPlan, actor: Actor, choose: Choose) -> Iterator[ShopLine | Queued]:
    """Adopt what `choose` names: the VM's name as confirmed, None to leave it. One refusal stops nothing."""
    with closing(Servers()) as servers:
        for each in plan.adoptions:
            if each.why:
                continue
            typed = choose(each)
            if typed is None:
                continue
            try:
                yield adopt_service(actor, each, typed, servers)
            except KvmtuiError as error:
                yield ShopLine("service", REFUSED, f"service {each.service}", flat(error))


def judge(plan: ShopPlan, ticked: list[TickLine]) -> tuple[dict[int, str], list[ShopLine]]:
    """The services that a list names rightly, with their VMs' names, and a line for each that it does not."""
    planned = {each.service: each for each in plan.adoptions}
    refused = {line.name: line for line in plan.lines if (line.group, line.sign) == ("service", REFUSED)}
    chosen: dict[int, str] = {}
    lines: list[ShopLine] = []
    for line in ticked:
        name = f"service {line.service}"
        each = planned.get(line.service)
        if each is not None and not each.why and not (why := difference(line, each)):
            chosen[line.service] = line.name
        elif each is not None and not each.why:
            lines.append(ShopLine("service", REFUSED, name, f"{why}. Write the list again."))
        elif name in refused:
            lines.append(refused[name])
        elif line.service not in plan.here:
            lines.append(
                ShopLine("service", REFUSED, name, "is not a service of this shop with a VM to adopt")
            )
    return chosen, lines
