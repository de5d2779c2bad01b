"""`kvmtui secrets`: exchange the key that encrypts stored secrets, and check that each can be decrypted."""

from __future__ import annotations

import typer

from engine import audit
from engine.counting import counted
from engine.roles import Role
from engine.store.database import transaction
from engine.store.rotation import rotate as exchange
from engine.store.rotation import verify as verify_secrets
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
    with open_site.changing():
        open_site.need(Role.OWNER, "rotate the secret key")
        count = exchange()
        with transaction():
            after = {"encrypted": count}
            audit.record(audit.current_actor("cli", reason), "rotate", "secrets", "", "secret key", {}, after)
    sentence = f"{counted(count, 'secrets are')} encrypted with the new key."
    output.done(f"{sentence} Replace your copy of the key file.", as_json, secrets=count)


@app.command()
def verify(as_json: AsJson = False) -> int:
    """Check that every stored secret can be decrypted. None is shown.

    \b
    kvmtui secrets verify
    """
    with open_site.opened():
        report = verify_secrets()
    if as_json:
        output.show_json({"opened": report.opened, "faults": report.faults})
    else:
        for sentence in report.faults:
            output.write(output.safe(sentence))
        output.write(f"{counted(report.opened, 'secrets')} can be decrypted, {len(report.faults)} cannot.")
    return 1 if report.faults else 0
