"""`kvmtui client`: who has services."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions.clients import create_client, delete_client, put_client
from engine.actions.notes import set_client_notes
from engine.audit import current_actor
from engine.forms import ClientForm, checked
from engine.queries.inventory import client_values, clients, services
from engine.queries.notes import notes_of_client
from engine.queries.refs import id_of
from kvmtui.terminal import assigning, notes, open_site, output
from kvmtui.terminal.names import ClientName
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name

app = typer.Typer(help="Manage clients.", rich_markup_mode=None, no_args_is_help=True)
NewName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the client.")]
Language = Annotated[str | None, typer.Option(help="Language of the mails, such as en.")]


@app.command("list")
def list_clients(as_json: AsJson = False) -> None:
    """List the clients.

    \b
    kvmtui client list
    """
    with open_site.opened():
        found = clients()
    if as_json:
        output.show_json(found)
        return
    rows = ((c.id, c.name, c.email, c.language, c.services) for c in found)
    output.show_table(
        ("ID", "Name", "E-mail", "Language", "Services"),
        rows,
        "There are no clients yet. Add one with: kvmtui client add",
    )


@app.command()
def show(name: ClientName, as_json: AsJson = False) -> None:
    """Show a client and their services.

    \b
    kvmtui client show Acme --json
    """
    with open_site.opened():
        client_values(name)
        view = next(each for each in clients() if each.name == name)
        theirs = [each for each in services() if each.client == name]
    if as_json:
        output.show_json(output.plain(view) | {"services": theirs})
        return
    lines = [f"{each.id} {each.product} {each.status} {each.vm}".rstrip() for each in theirs]
    output.show_facts(output.plain(view) | {"services": lines})


@app.command()
def add(
    name: NewName,
    email: Annotated[str, typer.Option(help="E-mail address.")],
    language: Language = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Add a client.

    \b
    kvmtui client add "Acme" --email ops@acme.example
    """
    form = checked(ClientForm, assigning.assigned({"name": name, "email": email}, None, language=language))
    with open_site.changing(dry_run):
        assigning.say(create_client(form, current_actor("cli", reason)), as_json, dry_run)


@app.command()
def edit(
    name: ClientName,
    new_name: Annotated[str | None, typer.Option("--name", help="New name.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    language: Language = None,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Change a client.

    \b
    kvmtui client edit Acme --email noc@acme.example
    """
    options = {"name": new_name, "email": email, "language": language}
    with open_site.changing(dry_run):
        form = checked(ClientForm, assigning.assigned(client_values(name), None, **options))
        assigning.say(put_client(form, current_actor("cli", reason), id_of("client", name)), as_json, dry_run)


@app.command()
def delete(
    name: ClientName,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete a client who has no services.

    \b
    kvmtui client delete Acme --yes
    """
    with open_site.changing(dry_run):
        number = id_of("client", name)
        confirm_name(name, f"The client '{name}' will be deleted.", yes or dry_run)
        delete_client(name, current_actor("cli", reason))
    assigning.say_deleted("client", name, number, as_json, dry_run)


@app.command("notes")
def client_notes(
    name: ClientName,
    new: notes.Set = None,
    add: notes.Add = None,
    file: notes.FromFile = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Show or change the notes of a client. A termination adds a line.

    \b
    kvmtui client notes Acme
    kvmtui client notes Acme --add "pays by bank transfer"
    """
    change = notes.wanted(new, add, file)
    with open_site.opened() if change is None else open_site.changing():
        old = notes_of_client(name)
        if change is None:
            notes.show(old, as_json)
            return
        output.message(set_client_notes(current_actor("cli", reason), name, change(old), old))
        if as_json:
            notes.show(notes_of_client(name), as_json)
