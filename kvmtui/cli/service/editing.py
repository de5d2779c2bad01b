"""`kvmtui service create|options|delete`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.actions.requests import Queued
from engine.actions.services import create_service, delete_service, set_options
from engine.audit import current_actor
from engine.errors import Refused
from engine.forms import OptionsForm, ServiceForm, checked
from engine.forms.service import canonical
from engine.nearest import nearest
from engine.queries.effects import effects_of
from engine.queries.inventory import services
from engine.queries.refs import service_ref, vm_id_of_service
from engine.queries.requests import open_requests
from engine.work import events
from kvmtui.terminal import assigning, effects, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef, completing
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes
from kvmtui.terminal.prompts import confirm_name

app = typer.Typer()
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="KEY=VALUE", help="Override a product setting, e.g. cores=4."),
]


@app.command()
def create(
    client: Annotated[
        str, typer.Option(help="Client that owns the service.", autocompletion=completing("client"))
    ],
    product: Annotated[str, typer.Option(help="Product to deploy.", autocompletion=completing("product"))],
    number: Annotated[
        int | None, typer.Option("--id", help="Service id; default: the next free one.")
    ] = None,
    option: Options = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Create a service. Its VM is deployed at once.

    \b
    kvmtui service create --client Acme --product VPS-2
    kvmtui service create --client Acme --product VPS-2 --id 5546 --option cores=4 --wait
    """
    values = {"id": number, "client": client, "product": product, "options": assigning.pairs(option)}
    form = checked(ServiceForm, values)
    with open_site.changing(dry_run):
        seen = events.last_id()
        outcome = create_service(form, current_actor("cli", reason))
        if dry_run:
            assigning.say(outcome, as_json, dry_run)
            return 0
        made = int(outcome.id)
        number = next((one.id for one in open_requests(made)), 0)
        sentence = f"Service {made} was created; its VM is being deployed."
        queued = Queued(made, vm_id_of_service(made), "Deploy", sentence, seen, number)
        return finish(queued, wait, as_json, id=made)


@app.command()
def options(
    ref: VmRef,
    option: Options = None,
    clear: Annotated[list[str] | None, typer.Option(metavar="KEY", help="Remove an override.")] = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Show or change the overrides of a service. The VM follows with change-package.

    \b
    kvmtui service options 5546
    kvmtui service options 5546 --option memory=4096 --clear cores --dry-run
    """
    changes = bool(option or clear)
    with open_site.changing() if changes and not dry_run else open_site.opened():
        view = services(service_ref(ref).service_id)[0]
        if changes:
            form = checked(OptionsForm, _changed(view.options, assigning.pairs(option), clear or []))
            found = effects_of(view.id, options=form.model_dump()) if view.vm_status else []
            if dry_run:
                effects.show(found, as_json)
                return
            set_options(view.id, form, current_actor("cli", reason))
            view = services(view.id)[0]
            effects.show_effects(found)
    if as_json:
        output.show_json({"options": view.options, "pending": view.pending})
        return
    output.show_table(("Option", "Value"), view.options.items(), "No overrides.")
    if view.pending:
        output.message(
            f"Pending: {_fields(view.pending)}. Apply with: kvmtui service change-package {view.id}"
        )


def _fields(pending: list[Any]) -> str:
    return ", ".join(f"{each.field} {each.old} -> {each.new}" for each in pending)


def _changed(old: dict[str, Any], given: dict[str, str], cleared: list[str]) -> dict[str, Any]:

    names = canonical(dict.fromkeys(cleared))
    for key in names:
        if key not in OptionsForm.model_fields:
            raise Refused(f"{key} is not an option of a service.{nearest(key, OptionsForm.model_fields)}")
    kept = {key: value for key, value in old.items() if key not in names}
    return kept | canonical(given)


@app.command()
def delete(
    ref: VmRef, yes: Yes = False, dry_run: DryRun = False, reason: Reason = "", as_json: AsJson = False
) -> None:
    """Delete a service that has no VM.

    \b
    kvmtui service delete 5546
    """
    with open_site.changing(dry_run):
        number = service_ref(ref).service_id
        confirm_name(str(number), f"Service {number} will be deleted from the records.", yes or dry_run)
        delete_service(number, current_actor("cli", reason))
    assigning.say_deleted("service", str(number), number, as_json, dry_run)
