"""`kvmtui vm show`, with `--live` as it is on the cluster now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.queries.descriptions import describe, lasting
from engine.queries.live import live as read_live
from engine.queries.quota import quota_of, quota_words
from engine.queries.refs import vm_ref
from engine.queries.requests import open_requests
from engine.queries.traffic import gib
from engine.queries.vms import vms
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson

if TYPE_CHECKING:
    from engine.queries.live import LiveView
    from engine.queries.requests import RequestView
    from engine.queries.vms import VmView

app = typer.Typer()
Live = Annotated[
    bool, typer.Option("--live", help="Read its state from the cluster and compare it with its product.")
]


@app.command()
def show(ref: VmRef, live: Live = False, as_json: AsJson = False) -> int:
    """Show a VM and its open requests. With --live also its state on the cluster. Exit 1: it could not be read.

    \b
    kvmtui vm show 5546
    kvmtui vm show 5546 --live
    kvmtui vm show vmid:2002 --live --json | jq .live.drift
    """
    with open_site.opened():
        view = vms([vm_ref(ref).vm_id or 0])[0]
        promised = open_requests(view.service_id)
        quota = quota_of(view.service_id)
        seen = read_live(view.service_id) if live else None
    if as_json:
        document = output.plain(view) | {"requests": [one.as_json() for one in promised]}
        document["traffic_quota"] = output.plain(quota)
        output.show_json(document if seen is None else document | {"live": _document(seen)})
    else:
        asked = {"requests": [_request(one) for one in promised]}
        asked["traffic_quota"] = [quota_words(quota)]
        output.show_facts(_facts(view) | asked | (dict(_live_facts(seen)) if seen else {}))
    return 0 if seen is None or seen.looked.seen else 1


def _document(seen: LiveView) -> dict[str, Any]:

    made: dict[str, Any] = output.plain(seen)
    return made | {"drift": [fact.name for fact in seen.drift]}


def _facts(view: VmView) -> dict[str, Any]:

    facts: dict[str, Any] = output.plain(view)
    del facts["id"]  # the row's own number means nothing to people
    facts["ips"] = [f"{ip.address}/{ip.prefix} gateway {ip.gateway} {ip.rdns}".rstrip() for ip in view.ips]
    run = view.last_run
    facts["last_run"] = f"{run.id} {run.action} {run.result} {run.error}".rstrip() if run else ""
    return facts


def _request(one: RequestView) -> str:
    return f"{one.id} {one.action} {one.state} {one.error}".rstrip()


def _live_facts(seen: LiveView) -> Iterator[tuple[str, str]]:
    """The look as facts under names of their own."""
    looked, standing, usage = seen.looked, seen.standing, seen.usage
    yield "live", looked.sentence or f"seen on {looked.node} in {looked.api_ms} ms"
    if standing is None or usage is None or seen.beside is None:
        return
    yield (
        "power",
        f"{standing.power} for {lasting(standing.uptime_s)}" if standing.uptime_s else standing.power,
    )
    yield "lock", standing.lock
    yield "cpu", f"{usage.cpu_percent:.1f} % of {usage.cpus:g}"
    yield "ram", f"{gib(usage.memory_used)} of {gib(usage.memory)}"
    yield "iso", standing.iso
    for change in seen.pending:
        yield f"pending {change.key}", change.line.partition(": ")[2]
    part = ""
    for line in describe(seen.beside):
        part = part if line.name.startswith(" ") else line.name
        name = line.name.strip() if line.name == part else f"{part} {line.name.strip()}"
        yield name.lower(), line.real + ("" if line.sign == "=" else f"  {line.sign} product: {line.product}")
    yield "drift", ", ".join(fact.name for fact in seen.drift)
