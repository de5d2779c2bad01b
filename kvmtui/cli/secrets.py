"""`kvmtui secrets`: exchange the key that seals stored secrets, and check that each of them opens."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kvmtui.terminal import site

app = typer.Typer(help="Rotate and verify the secret key.", rich_markup_mode=None, no_args_is_help=True)


@app.command()
def rotate() -> None:
    """Encrypt every stored secret with a new key and delete the old one.

    If it is interrupted, run it again to finish. Daemons and consoles on this host continue; copy the new key file
    to other hosts at once.

    \b
    kvmtui secrets rotate
    """
    from engine import audit
    from engine.store.database import transaction
    from engine.store.rotation import rotate as exchange

    with site.changing():
        count = exchange()
        with transaction():
            after = {"sealed_anew": count}
            audit.record(audit.current_actor("cli"), "rotate", "secrets", "", "secret key", {}, after)
    typer.echo(f"{count} secret(s) sealed with the fresh key. Copy the key file to where you keep its copy.")


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check that every stored secret can be decrypted. None is shown.

    \b
    kvmtui secrets verify
    """
    from engine.store.rotation import verify as look

    with site.opened():
        report = look()
    if as_json:
        typer.echo(json.dumps({"opened": report.opened, "faults": report.faults}, indent=2))
    else:
        for sentence in report.faults:
            typer.echo(sentence)
        typer.echo(f"{report.opened} secret(s) open, {len(report.faults)} do not.")
    return 1 if report.faults else 0
