"""`kvmtui dns export|check`: the DNS records of all VMs."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.queries.dns import check as check_records
from engine.queries.dns import mappings
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.options import AsJson

app = typer.Typer(help="Export and check the DNS records of all VMs.", no_args_is_help=True)


@app.command()
def export(as_json: AsJson = False) -> int:
    """Print the DNS names of all VMs as JSON. Each entry has address, forward and reverse name; --json is accepted.

    \b
    kvmtui dns export > names.json
    """

    del as_json  # the answer is JSON anyway
    with open_site.opened():
        found = mappings()
    output.show_json(found)
    return 0


@app.command()
def check(
    refs: Annotated[list[str] | None, typer.Argument(metavar="[REF]…", help="Only these VMs.")] = None,
    no_queries: Annotated[
        bool, typer.Option("--no-queries", help="Ask the providers only; send no DNS queries.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Compare the expected records with the providers and with DNS. Exit 1: they differ.

    The lines are a plan; `kvmtui vm dns REF` applies it.

    \b
    kvmtui dns check
    kvmtui dns check 5546 --no-queries --json
    """
    with open_site.opened():
        wanted = [names.service_of(ref) for ref in refs] if refs else None
        found = check_records(wanted, ask_dns=not no_queries)
    if as_json:
        output.show_json(found)
    else:
        for one in found:
            output.write(output.safe(f"{'ok ' if one.ok else 'BAD'} {one.service_id} {one.name}"))
            for line in [*one.plan, *one.confirmations] if not one.ok else ():
                output.write(output.safe(f"      {line}"))
        if not found:
            output.message("No VM has a name yet.")
    return 0 if all(one.ok for one in found) else 1
