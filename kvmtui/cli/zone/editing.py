"""`kvmtui zone add|edit|delete`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.actions.zones import create_zone, delete_zone, put_zone
from engine.audit import current_actor
from engine.forms import zone_form, zone_forms
from engine.queries.inventory import zone_values
from engine.queries.refs import zone_ref
from kvmtui.terminal import assigning, open_site
from kvmtui.terminal.assigning import Sets
from kvmtui.terminal.names import ZoneRef
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name, secret
from kvmtui.terminal.zone_options import SecretEnv, SecretFile, Ttl, with_provider_options

app = typer.Typer()


@app.command()
@with_provider_options
def add(
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="Name of the zone.")],
    provider: Annotated[str, typer.Option("--type", help="The provider: {providers}.")],
    ttl: Ttl = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Add a zone. The secret is read from a terminal, a file, stdin or the environment.

    \b
    kvmtui zone add example.com --type powerdns --server-url https://ns1.example.com:8081
    kvmtui zone add example.net --type cloudflare --zone-id 0123… --secret-env CF_TOKEN
    kvmtui zone add example.org --type hestiacp --server-url https://hestia:8083 --user dns \\
        --admin-user admin --secret-file hestia.txt
    """
    form = zone_forms().get(provider)
    field = form.secret_to_ask(given) if form else "secret"
    given[field] = secret(field.replace("_", " "), secret_file, secret_env)
    values = assigning.assigned({"zone": zone, "type": provider}, sets, ttl=ttl, **given)
    with open_site.changing(dry_run):
        assigning.say(create_zone(zone_form(values), current_actor("cli", reason)), as_json, dry_run)


@app.command()
@with_provider_options
def edit(
    zone: ZoneRef,
    ttl: Ttl = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    **given: Any,
) -> None:
    """Change a zone. Without a secret the stored one stays.

    \b
    kvmtui zone edit example.com --ttl 600
    kvmtui zone edit example.com --secret-env PDNS_KEY
    """
    with open_site.changing(dry_run):
        number = zone_ref(zone)
        values = zone_values(number)
        form = zone_forms()[values["type"]]
        values = form.with_changes(
            values, {name: value for name, value in given.items() if value is not None}
        )
        if secret_file is not None or secret_env is not None:
            field = form.secret_to_ask(values)
            values[field] = secret(field.replace("_", " "), secret_file, secret_env)
        zone_form_ = zone_form(assigning.assigned(values, sets, ttl=ttl))
        assigning.say(put_zone(zone_form_, current_actor("cli", reason), number), as_json, dry_run)


@app.command()
def delete(
    zone: ZoneRef,
    forget_records: Annotated[
        bool, typer.Option("--forget-records", help="Leave the records we wrote at the provider.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete a zone here; it stays at the provider.

    \b
    kvmtui zone delete example.com/powerdns
    """
    with open_site.changing(dry_run):
        number = zone_ref(zone)
        name = zone_values(number)["zone"]
        confirm_name(name, f"The zone {name} will be deleted here; it stays at the provider.", yes or dry_run)
        delete_zone(number, current_actor("cli", reason), forget_records)
    assigning.say_deleted("zone", name, number, as_json, dry_run)
