"""`kvmtui service suspend|unsuspend|terminate|change-package`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from engine.actions import packages
from engine.actions.requests import Queued
from engine.audit import current_actor
from engine.errors import AlreadySo
from engine.forms import OptionsForm, checked
from engine.queries.effects import effects_of
from engine.queries.refs import vm_id_of_service
from engine.queries.requests import open_requests
from engine.work import events
from kvmtui.terminal import assigning, effects, names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef, completing
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes
from kvmtui.terminal.prompts import confirm_name
from kvmtui.terminal.request_preview import show_preview

if TYPE_CHECKING:
    from engine.actions.requests import Queued

app = typer.Typer()


@app.command()
def suspend(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """Stop the VM and mark the service Suspended. The reason is shown when somebody tries to start it.

    \b
    kvmtui service suspend 5546 --wait
    kvmtui service suspend 5546 --reason "invoice 2026-118 is not paid"
    """
    with open_site.changing():
        service, actor = names.service_of(ref), current_actor("cli", reason)
        return finish(
            _repeatable(lambda: packages.suspend(actor, service), service, "Suspend"), wait, as_json
        )


@app.command()
def unsuspend(ref: VmRef, reason: Reason = "", as_json: AsJson = False, wait: Wait = None) -> int:
    """End a suspension. The VM is started and the service marked Active.

    \b
    kvmtui service unsuspend 5546
    """
    with open_site.changing():
        service, actor = names.service_of(ref), current_actor("cli", reason)
        return finish(
            _repeatable(lambda: packages.unsuspend(actor, service), service, "Unsuspend"), wait, as_json
        )


@app.command()
def terminate(
    ref: VmRef,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Terminate a service. Its VM, disks, backups and DNS records are deleted, then its addresses are freed.

    \b
    kvmtui service terminate 5546 --dry-run
    kvmtui service terminate 5546
    kvmtui service terminate 5546 --yes --reason "contract ended" --wait=600
    """
    with open_site.opened() if dry_run else open_site.changing():
        service, actor = names.service_of(ref), current_actor("cli", reason)
        if dry_run:
            return show_preview(lambda: packages.terminate(actor, service), as_json)
        name = names.name_of(service)
        confirm_name(name, f"The VM {name} of service {service} and all its data will be deleted.", yes)
        return finish(
            _repeatable(lambda: packages.terminate(actor, service), service, "Terminate"), wait, as_json
        )


@app.command("change-package")
def change_package(
    ref: VmRef,
    product: Annotated[str, typer.Option(help="New product.", autocompletion=completing("product"))] = "",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help="Override a product setting, e.g. cores=4."),
    ] = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Apply the product and options to the VM. Give a new product or options, or apply what is pending.

    Each change is shown before it is queued: old and new value, when it takes effect, whether it can be undone.

    \b
    kvmtui service change-package 5546 --product VPS-4 --dry-run
    kvmtui service change-package 5546 --option memory=8192 --wait
    """
    options = checked(OptionsForm, assigning.pairs(option)).given()
    with open_site.opened() if dry_run else open_site.changing():
        service = names.service_of(ref)
        found = effects_of(service, product, options)
        if dry_run:
            effects.show(found, as_json)
            return 0
        queued = packages.change_package(current_actor("cli", reason), service, product, options)
        effects.show_effects(found)
        return finish(queued, wait, as_json, effects=output.plain(found))


def _repeatable(request: Callable[[], Queued], service: int, action: str) -> Queued:
    """The request; when it is already so, the one that is under way, or none."""
    seen = events.last_id()
    try:
        return request()
    except AlreadySo as so:
        number = next((one.id for one in open_requests(service) if one.action == action), 0)
        return Queued(service, vm_id_of_service(service), action, so.sentence, seen, number)
