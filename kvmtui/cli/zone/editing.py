"""`kvmtui zone add|edit|delete`."""

from __future__ import annotations

from typing import Annotated

import typer

from kvmtui.terminal.ask import Yes, confirm_name, secret
from kvmtui.terminal.assigning import Sets
from kvmtui.terminal.names import ZoneRef

app = typer.Typer()
_SECRETS = {"powerdns": "api_key", "cloudflare": "api_token", "hestiacp": "admin_password"}
ServerUrl = Annotated[str | None, typer.Option(help="URL of the PowerDNS or HestiaCP server.")]
ZoneId = Annotated[str | None, typer.Option(help="Zone ID at Cloudflare.")]
AccountId = Annotated[str | None, typer.Option(help="Account ID at Cloudflare.")]
User = Annotated[str | None, typer.Option(help="HestiaCP user that owns the zone.")]
AdminUser = Annotated[str | None, typer.Option(help="HestiaCP administrator.")]
AccessKey = Annotated[str | None, typer.Option(help="HestiaCP access key, instead of a password.")]
Ttl = Annotated[int | None, typer.Option(help="Time to live of the records, seconds.")]
SecretFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="File with the key, token or password; - is stdin.")
]
SecretEnv = Annotated[str | None, typer.Option(metavar="NAME", help="Environment variable with the secret.")]


@app.command()
def add(
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="Name of the zone.")],
    provider: Annotated[str, typer.Option("--type", help="cloudflare, hestiacp or powerdns.")],
    server_url: ServerUrl = None,
    zone_id: ZoneId = None,
    account_id: AccountId = None,
    user: User = None,
    admin_user: AdminUser = None,
    access_key: AccessKey = None,
    ttl: Ttl = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    sets: Sets = None,
) -> None:
    """Add a zone. Its key, token or password is prompted for, or read from a file, stdin or the environment.

    \b
    kvmtui zone add example.com --type powerdns --server-url https://ns1.example.com:8081
    kvmtui zone add example.net --type cloudflare --zone-id 0123… --secret-env CF_TOKEN
    kvmtui zone add example.org --type hestiacp --server-url https://hestia:8083 --user dns \\
        --admin-user admin --secret-file hestia.txt
    """
    from engine.actions.zones import create_zone
    from engine.audit import current_actor
    from engine.forms import zone_form
    from kvmtui.terminal import assigning, site

    field = _secret_field(provider, access_key)
    given = secret(field.replace("_", " "), secret_file, secret_env)
    values = assigning.assigned(
        {"zone": zone, "type": provider},
        sets,
        server_url=server_url,
        zone_id=zone_id,
        account_id=account_id,
        user=user,
        admin_user=admin_user,
        access_key=access_key,
        ttl=ttl,
        **{field: given},
    )
    with site.changing():
        assigning.say(create_zone(zone_form(values), current_actor("cli")))


def _secret_field(provider: str, access_key: str | None) -> str:
    return "secret_key" if access_key else _SECRETS.get(provider, "secret")


@app.command()
def edit(
    zone: ZoneRef,
    server_url: ServerUrl = None,
    zone_id: ZoneId = None,
    account_id: AccountId = None,
    user: User = None,
    admin_user: AdminUser = None,
    access_key: AccessKey = None,
    ttl: Ttl = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    sets: Sets = None,
) -> None:
    """Change a zone. Without a new secret the stored one is kept.

    \b
    kvmtui zone edit example.com --ttl 600
    kvmtui zone edit example.com --secret-env PDNS_KEY
    """
    from engine.actions.zones import put_zone
    from engine.audit import current_actor
    from engine.forms import zone_form
    from engine.queries.refs import zone_ref
    from engine.queries.site import zone_values
    from kvmtui.terminal import assigning, site

    options = {"server_url": server_url, "zone_id": zone_id, "account_id": account_id, "user": user}
    with site.changing():
        number = zone_ref(zone)
        values = zone_values(number)
        if access_key is not None:
            values |= {"access_key": access_key, "admin_user": "", "admin_password": ""}
        elif admin_user is not None:
            values |= {"admin_user": admin_user, "access_key": "", "secret_key": ""}
        if secret_file is not None or secret_env is not None:
            field = _secret_field(values["type"], values.get("access_key"))
            values[field] = secret(field.replace("_", " "), secret_file, secret_env)
        form = zone_form(assigning.assigned(values, sets, ttl=ttl, **options))
        assigning.say(put_zone(form, current_actor("cli"), number))


@app.command()
def delete(
    zone: ZoneRef,
    forget_records: Annotated[
        bool, typer.Option("--forget-records", help="Keep our records at the provider.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete a zone from kvmtui. The zone at the provider is kept.

    \b
    kvmtui zone delete example.com/powerdns
    """
    from engine.actions.zones import delete_zone
    from engine.audit import current_actor
    from engine.queries.refs import zone_ref
    from engine.queries.site import zone_values
    from kvmtui.terminal import output, site

    with site.changing():
        number = zone_ref(zone)
        name = zone_values(number)["zone"]
        confirm_name(name, f"The zone {name} will be deleted here; at the provider it stays.", yes)
        delete_zone(number, current_actor("cli"), forget_records)
    output.tell(f"The zone {name} was deleted.")
