"""What `kvmtui import whmcs` shows and asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.actions.adoption import ADOPTS
from engine.actions.permission import require
from engine.actions.requests import Queued
from engine.audit import Actor, current_actor
from engine.errors import Refused
from engine.imports.whmcs.adopting import IMPORT_SHOP
from engine.imports.whmcs.plan import GROUPS, REFUSED, SIGNS, Adoption, ShopLine, ShopPlan
from engine.imports.whmcs.planning import ShopMaps
from engine.imports.whmcs.settings import known_fields
from engine.imports.whmcs.shop import SETTINGS, read_dump, read_sheets
from kvmtui.imports.carrying_out import Choose, ImportDone, adopt, begin, judge, prepare
from kvmtui.imports.manifest_file import manifest_text, write_manifest
from kvmtui.imports.tick_list import TickLine, read_list, write_list
from kvmtui.terminal import assigning, output, prompts
from kvmtui.terminal.following import document, follow


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the verb."""

    db_dump: Path | None
    csv: Path | None
    maps: ShopMaps
    manifest: Path | None
    adoptions: Path | None
    apply: bool
    reason: str
    as_json: bool
    wait: float | None


def positions(pairs: Mapping[str, str]) -> dict[int, str]:
    """Which field of a product each numbered setting of the module is."""
    found = {}
    for number, field in pairs.items():
        if not (number.isascii() and number.isdigit() and int(number) in SETTINGS):
            raise Refused(
                f"--setting: '{number[:20]}' is not a number from {SETTINGS[0]} to {SETTINGS[-1]}; configoption1 is "
                "the licence key and is not read."
            )
        if field not in known_fields():
            raise Refused(
                f"--setting: there is no field '{field[:40]}'; fields are {', '.join(known_fields())}."
            )
        found[int(number)] = field
    return found


def run(asked: Asked) -> int:
    """Show the plan and, when asked, carry it out; the exit status."""
    actor = current_actor("cli", asked.reason)
    require(actor, IMPORT_SHOP)
    shop = read_dump(asked.db_dump) if asked.db_dump is not None else read_sheets(asked.csv or Path())
    has_list = asked.adoptions is not None and asked.adoptions.exists()
    ticked = read_list(asked.adoptions) if asked.adoptions is not None and has_list else None
    if asked.apply and asked.adoptions is not None and ticked is None:
        raise Refused(
            f"List {asked.adoptions} not found. Run without --apply to write it, tick the VMs, then run this again."
        )
    plan = prepare(shop, asked.maps, actor)
    if not asked.as_json:
        _show(plan)
    _write_files(asked, plan, ticked)
    if asked.apply:
        return _carry_out(asked, plan, ticked, actor)
    if asked.as_json:
        output.show_json(_document(plan, ticked) | {"applied": False})
    else:
        output.message("Nothing was changed. Carry it out with --apply.")
    return 0


def _write_files(asked: Asked, plan: ShopPlan, ticked: list[TickLine] | None) -> None:
    if asked.manifest is not None:
        new = write_manifest(asked.manifest, manifest_text(plan))
        output.message(
            f"Manifest written to {asked.manifest}." if new else f"{asked.manifest} is up to date."
        )
    if asked.adoptions is None:
        return
    if ticked is None:
        write_list(asked.adoptions, plan.adoptions)
        output.message(f"List of VMs to adopt written to {asked.adoptions}. Tick them, then use --apply.")
        return
    listed = {line.service for line in ticked}
    missing = sum(each.service not in listed and not each.why for each in plan.adoptions)
    marked = sum(line.ticked for line in ticked)
    more = f"; {missing} more can be adopted and are not in it" if missing else ""
    output.message(f"{asked.adoptions} has {marked} of {len(ticked)} VMs ticked{more}.")


def _show(plan: ShopPlan) -> None:
    """The plan by group, with counts."""
    counts = plan.counts()
    for group, title in GROUPS.items():
        if group not in counts:
            continue
        output.write(f"{title}: " + ", ".join(f"{count} {sign}" for sign, count in counts[group].items()))
        for line in plan.lines:
            if line.group == group:
                output.write(_shown(line))


def _shown(line: ShopLine) -> str:
    return output.safe(f"  {line.sign} {line.name}" + (f": {line.text}" if line.text else ""))


def _document(plan: ShopPlan, ticked: list[TickLine] | None) -> dict[str, Any]:
    marked = {line.service for line in ticked or () if line.ticked}
    return {
        "counts": plan.counts(),
        "lines": [asdict(line) | {"means": SIGNS[line.sign]} for line in plan.lines],
        "adoptions": [_adoption(each) | {"ticked": each.service in marked} for each in plan.adoptions],
        "adopted": plan.here,
    }


def _adoption(each: Adoption) -> dict[str, Any]:
    return {
        "service": each.service,
        "vmid": each.vmid,
        "server": each.server,
        "node": each.prior.node,
        "name": each.called,
        "client": each.client,
        "product": each.product,
        "suspended": each.prior.suspended,
        "running": each.status == "running",
        "addresses": [str(address) for address in each.prior.addresses],
        "rdns": dict(each.prior.rdns),
        "options": dict(each.prior.options),
        "notes": list(each.notes),
        "why": each.why or None,
    }


def _carry_out(asked: Asked, plan: ShopPlan, ticked: list[TickLine] | None, actor: Actor) -> int:
    done = begin(plan, actor)
    say = output.message if asked.as_json else output.write
    for outcome in done.made.plan:
        for text in assigning.plan_lines(outcome, False):
            say(output.safe(text))
    refused = [line for line in done.reserved if line.sign == REFUSED]
    choose = _chooser(plan, ticked, done)
    for result in adopt(plan, actor, choose):
        if isinstance(result, Queued):
            done.queued.append(result)
            say(output.safe(f"+ service {result.service_id} {result.sentence}"))
        else:
            done.lines.append(result)
    for line in [*refused, *done.lines]:
        say(output.safe(f"{line.sign} {line.name} {line.text}"))
    status = follow(done.queued, asked.wait, say) if done.queued else 0
    made, left = done.made.changed, sum(not each.why for each in plan.adoptions) - len(done.queued)
    output.message(
        f"{made} pools, products and clients made or changed, {len(done.queued)} VMs adopted, {len(plan.here)} adopted "
        f"before, {left} left, {len(done.lines)} refused."
    )
    if asked.as_json:
        output.show_json(
            _document(plan, ticked)
            | {
                "applied": True,
                "made": done.made.plan,
                "reserved": [asdict(line) for line in done.reserved],
                "refused": [asdict(line) for line in done.lines],
                "requests": [document(each) for each in done.queued],
            }
        )
    return max(status, 1 if refused or done.lines else 0)


def _chooser(plan: ShopPlan, ticked: list[TickLine] | None, done: ImportDone) -> Choose:
    """How each VM is confirmed: by the list, or by its name typed at a terminal."""
    if ticked is not None:
        chosen, lines = judge(plan, [line for line in ticked if line.ticked])
        done.lines += lines
        return lambda each: chosen.get(each.service)
    if not prompts.at_a_terminal():
        if any(not each.why for each in plan.adoptions):
            output.message("No VM is adopted: give a list with --adoptions FILE, or run this at a terminal.")
        return lambda each: None
    output.message(f"Each VM needs its name typed. {ADOPTS}")
    return _ask


def _ask(each: Adoption) -> str | None:
    what = f"VM {each.vmid} on {each.server} becomes service {each.service} of {each.client}."
    return prompts.name_or_skip(output.safe(each.called), output.safe(what)) or None
