"""`kvmtui secrets`: exchange the key that encrypts stored secrets, and check that each can be decrypted."""

from __future__ import annotations

import typer

from engine.roles import Role
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, Reason

app = typer.Typer(help="Rotate and verify the secret key.", rich_markup_mode=None, no_args_is_help=True)


@app.command()
def rotate(reason: Reason = "", as_json: AsJson = False) -> None:
    """Encrypt every stored secret with a new key and delete the old one.

    If it is interrupted, run it again to finish. Daemons and consoles on this host continue; copy the new key file
    to other hosts at once.

    \b
    kvmtui secrets rotate
    """
    from engine import audit
    from engine.store.database import transaction
    from engine.store.rotation import rotate as exchange

    with open_site.changing():
        open_site.need(Role.OWNER, "rotate the secret key")
        count = exchange()
        with transaction():
            after = {"sealed_anew": count}
            audit.record(audit.current_actor("cli", reason), "rotate", "secrets", "", "secret key", {}, after)
    sentence = f"{count} secret(s) encrypted with the new key. Copy the key file to where you keep its copy."
    output.done(sentence, as_json, secrets=count)


@app.command()
def verify(as_json: AsJson = False) -> int:
    """Check that every stored secret can be decrypted. None is shown.

    \b
    kvmtui secrets verify
    """
    from engine.store.rotation import verify as look

    with open_site.opened():
        report = look()
    if as_json:
        output.show_json({"opened": report.opened, "faults": report.faults})
    else:
        for sentence in report.faults:
            output.write(output.safe(sentence))
        output.write(f"{report.opened} secret(s) can be decrypted, {len(report.faults)} cannot.")
    return 1 if report.faults else 0
