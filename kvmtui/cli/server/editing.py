"""`kvmtui server add|edit|delete`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.actions.servers import create_server, delete_server, put_server
from engine.audit import current_actor
from engine.forms import ServerForm, checked
from engine.queries.inventory import server_values
from engine.queries.refs import id_of
from kvmtui.terminal import assigning, open_site
from kvmtui.terminal.assigning import Sets
from kvmtui.terminal.names import ServerName
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name, secret

app = typer.Typer()
NewName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the cluster.")]
Hosts = Annotated[list[str] | None, typer.Option("--host", help="API host; several are tried in order.")]
Port = Annotated[int | None, typer.Option(help="Port of the API.")]
TokenId = Annotated[str | None, typer.Option(help="API token as user@realm!name.")]
User = Annotated[str | None, typer.Option(help="Login as user@realm, if no token is used.")]
SecretFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="File with the token secret or the password; - is stdin.")
]
SecretEnv = Annotated[str | None, typer.Option(metavar="NAME", help="Environment variable with the secret.")]
Fingerprint = Annotated[str | None, typer.Option(help="Trust the certificate with this SHA-256 fingerprint.")]
CaFile = Annotated[str | None, typer.Option(help="Trust this CA, a PEM file.")]
SystemTls = Annotated[bool, typer.Option("--system-ca", help="Trust the system's CAs.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Do not verify the certificate. Dangerous.")]


@app.command()
def add(
    name: NewName,
    host: Hosts = None,
    port: Port = None,
    token_id: TokenId = None,
    user: User = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    fingerprint: Fingerprint = None,
    ca_file: CaFile = None,
    system_ca: SystemTls = False,
    insecure: Insecure = False,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Add a server. The secret is prompted for, or read from a file, stdin or the environment.

    \b
    kvmtui server add pve-waw1 --host 10.0.0.11 --host 10.0.0.12 \\
        --token-id 'kvmtui@pve!console' --fingerprint AA:BB:…
    pass show pve | kvmtui server add pve-waw1 --host 10.0.0.11 \\
        --token-id 'kvmtui@pve!console' --system-ca --secret-file -
    """
    field = "token_secret" if token_id else "password"
    given = secret("token secret" if token_id else "password", secret_file, secret_env)
    values = assigning.assigned(
        {"name": name, "hosts": []},
        sets,
        hosts=host,
        port=port,
        token_id=token_id,
        user=user,
        tls=_tls(fingerprint, ca_file, system_ca, insecure),
        **{field: given},
    )
    with open_site.changing(dry_run):
        assigning.say(
            create_server(checked(ServerForm, values), current_actor("cli", reason)), as_json, dry_run
        )


@app.command()
def edit(
    name: ServerName,
    new_name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    host: Hosts = None,
    port: Port = None,
    token_id: TokenId = None,
    user: User = None,
    secret_file: SecretFile = None,
    secret_env: SecretEnv = None,
    fingerprint: Fingerprint = None,
    ca_file: CaFile = None,
    system_ca: SystemTls = False,
    insecure: Insecure = False,
    state: Annotated[str | None, typer.Option(help="State: enabled or paused.")] = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Change a server. Without a new secret the stored one is kept.

    \b
    kvmtui server edit pve-waw1 --state paused
    kvmtui server edit pve-waw1 --token-id 'kvmtui@pve!new' --secret-file token.txt
    """
    with open_site.changing(dry_run):
        values = server_values(name) | _login(token_id, user)
        if secret_file is not None or secret_env is not None:
            field = "token_secret" if values["token_id"] else "password"
            values[field] = secret(field.replace("_", " "), secret_file, secret_env)
        tls = _tls(fingerprint, ca_file, system_ca, insecure)
        options = {"name": new_name, "hosts": host, "port": port, "tls": tls, "state": state}
        form = checked(ServerForm, assigning.assigned(values, sets, **options))
        assigning.say(put_server(form, current_actor("cli", reason), id_of("server", name)), as_json, dry_run)


def _login(token_id: str | None, user: str | None) -> dict[str, Any]:
    """The login by a token or by a user; the other one is removed."""
    if token_id is not None:
        return {"token_id": token_id, "user": "", "password": ""}
    if user is not None:
        return {"user": user, "token_id": "", "token_secret": ""}
    return {}


def _tls(fingerprint: str | None, ca_file: str | None, system: bool, insecure: bool) -> dict[str, Any] | None:
    chosen = {"fingerprint": fingerprint, "ca_file": ca_file}
    chosen |= {"system": system or None, "insecure": insecure or None}  # type: ignore[dict-item]
    given = {name: value for name, value in chosen.items() if value is not None}
    return given or None


@app.command()
def delete(
    name: ServerName,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete a server that is no longer used.

    \b
    kvmtui server delete pve-old
    """
    with open_site.changing(dry_run):
        number = id_of("server", name)
        confirm_name(
            name,
            f"The server '{name}' will be deleted here; the cluster itself is not touched.",
            yes or dry_run,
        )
        delete_server(name, current_actor("cli", reason))
    assigning.say_deleted("server", name, number, as_json, dry_run)
