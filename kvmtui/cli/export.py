"""`kvmtui export`: write the manifest of what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kvmtui.manifest import exporting
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson

app = typer.Typer(rich_markup_mode=None)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="File to write; stdout without it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the site as a manifest. It has __KEEP__ in place of every secret.

    The file gets mode 0600 and is replaced atomically.

    \b
    kvmtui export site.yaml
    kvmtui export | git diff --no-index site.yaml -
    """
    with open_site.opened():
        text = exporting.export()
    if file is not None:
        exporting.write(file, text)
        output.done(f"Written to {file}.", as_json, file=str(file))
    elif as_json:
        output.show_json({"manifest": text})
    else:
        output.write(text.rstrip("\n"))
