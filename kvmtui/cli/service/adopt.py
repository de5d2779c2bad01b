"""`kvmtui service adopt`: an existing guest of a cluster becomes a service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from engine.actions import adoption
from engine.audit import current_actor
from engine.forms import checked
from engine.forms.adoption import AdoptForm
from engine.queries.adoption import survey
from kvmtui.terminal import open_site, output, prompts
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import completing
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes

if TYPE_CHECKING:
    from engine.queries.adoption import Survey

app = typer.Typer()


@app.command()
def adopt(
    vmid: Annotated[int, typer.Argument(metavar="VMID", help="VMID of the guest.")],
    server: Annotated[str, typer.Option(help="Server the guest is on.", autocompletion=completing("server"))],
    client: Annotated[
        str,
        typer.Option(
            help="Client that will own it: name, e-mail address or id.",
            autocompletion=completing("client"),
        ),
    ],
    product: Annotated[
        str, typer.Option(help="Product it is sold as.", autocompletion=completing("product"))
    ],
    number: Annotated[
        int | None, typer.Option("--id", help="Service id; default: the next free one.")
    ] = None,
    confirm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The guest's name, instead of typing it.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Adopt an existing guest as the VM of a new service.

    Only the ownership mark is written into it. Its current configuration becomes its plan: nothing changes until
    change-package. With --dry-run, exit 2 means that it would be refused.

    \b
    kvmtui service adopt 105 --server pve-waw1 --client ops@acme.example --product VPS-2 --dry-run
    kvmtui service adopt 105 --server pve-waw1 --client Acme --product VPS-2 --confirm web01 --wait
    """
    values = {"server": server, "vmid": vmid, "client": client, "product": product, "id": number}
    form = checked(AdoptForm, values)
    with open_site.opened() if dry_run else open_site.changing():
        seen = survey(form)
        if not as_json:
            _show(seen)
        elif dry_run or seen.refusals:
            output.show_json(seen)
        if dry_run:
            return 2 if seen.refusals else 0
        what = f"VM {vmid} on {seen.server} ({seen.called}) becomes a service of {seen.client}. {adoption.ADOPTS}"
        typed = (
            seen.called if seen.refusals else prompts.typed_name(seen.called, output.safe(what), confirm, yes)
        )
        queued = adoption.adopt(current_actor("cli", reason), form, typed, seen.digest)
        return finish(queued, wait, as_json, **(output.plain(seen) if as_json else {}))


def _show(seen: Survey) -> None:
    """What was found next to the product's values, what stays unchanged, and what prevents the adoption."""
    output.show_facts(dict(_facts(seen)))
    rows = ((each.name, each.found, each.product) for each in seen.beside)
    output.show_table(("Property", "Found", f"Product {seen.product}"), rows, "")
    for note in seen.notes:
        output.message(f"Note: {output.safe(note)}")
    for refusal in seen.refusals:
        output.message(f"Refused: {output.safe(refusal)}")


def _facts(seen: Survey) -> Iterator[tuple[str, object]]:
    yield "Guest", f"VM {seen.vmid} {seen.called} on {seen.node} ({seen.status})"
    yield "System", seen.system
    vlan = f" VLAN {seen.vlan}" if seen.vlan else ""
    yield "Card", f"{seen.mac} on {seen.bridge}{vlan}" if seen.mac else "none"
    addresses = [f"{each.address}/{each.prefix} ({each.clash or each.source})" for each in seen.addresses]
    yield "Addresses", addresses or "none that Proxmox gives it"
    yield "Becomes", f"{seen.name}.{seen.domain}".rstrip(".") + f", a service of {seen.client}"
