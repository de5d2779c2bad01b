"""`kvmtui token`: who may use the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.actions import tokens
from engine.audit import current_actor
from engine.clock import iso
from engine.queries.tokens import tokens as every_token
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import TokenName
from kvmtui.terminal.options import AsJson, DryRun, Reason, Yes
from kvmtui.terminal.prompts import confirm_name

if TYPE_CHECKING:
    from engine.actions.tokens import NewToken

app = typer.Typer(help="Manage the tokens of the API.", rich_markup_mode=None, no_args_is_help=True)
NewName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the token.")]
Expires = Annotated[
    str, typer.Option(metavar="WHEN", help="When it expires, such as 90d, 12h, 8w or 2027-01-31.")
]


@app.command("list")
def list_tokens(as_json: AsJson = False) -> None:
    """List the tokens with their role, limits and last use. Secrets are not stored, so none is shown.

    \b
    kvmtui token list
    """
    with open_site.opened():
        found = every_token()
    if as_json:
        output.show_json(found)
        return
    rows = (
        (
            *(each.name, each.role, each.state),
            *("any" if names is None else names for names in (each.clients, each.products)),
            *(iso(each.expires_at) or "never", iso(each.last_used_at) or "never", each.last_address),
        )
        for each in found
    )
    heads = ("Name", "Role", "State", "Clients", "Products", "Expires", "Last used", "From")
    output.show_table(heads, rows, "There are no tokens yet. Create one with: kvmtui token create")


@app.command()
def create(
    name: NewName,
    role: Annotated[str, typer.Option(help="viewer, support, operator, owner or metrics.")],
    client: Annotated[
        list[str] | None,
        typer.Option(metavar="CLIENT", help="Limit it to this client; may be given several times."),
    ] = None,
    product: Annotated[
        list[str] | None,
        typer.Option(metavar="PRODUCT", help="Limit it to this product; may be given several times."),
    ] = None,
    expires: Expires = "",
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Create a token and print it. It cannot be shown again: only its SHA-256 is stored.

    \b
    kvmtui token create billing --role operator --expires 365d
    kvmtui token create reseller-a --role operator --client "Acme" --client "Beta" --product VPS-2
    """
    with open_site.changing(dry_run):
        made = tokens.create(current_actor("cli", reason), name, role, client or (), product or (), expires)
        _show(made, "create", dry_run, as_json)


@app.command()
def rotate(
    name: TokenName,
    expires: Expires = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Replace the secret of a token and print the new one. The old one stops working at once.

    Without --expires it expires when it did before.

    \b
    kvmtui token rotate billing --expires 365d
    """
    with open_site.changing(dry_run):
        confirm_name(name, f"The present secret of the token '{name}' stops working.", yes or dry_run)
        _show(tokens.rotate(current_actor("cli", reason), name, expires), "rotate", dry_run, as_json)


@app.command()
def revoke(
    name: TokenName, yes: Yes = False, dry_run: DryRun = False, reason: Reason = "", as_json: AsJson = False
) -> None:
    """Revoke a token permanently. Requests that use it are refused.

    \b
    kvmtui token revoke billing --yes
    """
    with open_site.changing(dry_run):
        confirm_name(name, f"The token '{name}' is revoked permanently.", yes or dry_run)
        sentence = tokens.revoke(current_actor("cli", reason), name)
        if dry_run:
            facts = {"dry_run": True, "verb": "revoke", "name": name}
            output.show_json(facts) if as_json else output.write(f"- revoke token {name}")
            return
    output.done(sentence, as_json, name=name)


def _show(made: NewToken, verb: str, dry_run: bool, as_json: bool) -> None:
    """The secret on stdout and the rest on stderr; a dry run shows no secret, for there is none."""
    token = made.token
    if dry_run:
        facts = {"dry_run": True, "verb": verb, "token": output.plain(token)}
        mark = "+" if verb == "create" else "~"
        output.show_json(facts) if as_json else output.write(f"{mark} {verb} token {token.name}")
        return
    if as_json:
        output.show_json({"token": output.plain(token), "secret": made.secret})
    else:
        output.write(made.secret)
    output.message(
        f"The token '{output.safe(token.name)}' is {verb}d. Keep its secret: it is not shown again."
    )
