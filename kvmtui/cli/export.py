"""`kvmtui export`: write the manifest of what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="File to write; stdout without it.")
    ] = None,
) -> None:
    """Write the site as a manifest, with __KEEP__ in place of every secret.

    The file gets mode 0600 and is replaced atomically.

    \b
    kvmtui export site.yaml
    kvmtui export | git diff --no-index site.yaml -
    """
    from kvmtui.manifest import exporting
    from kvmtui.terminal import output, site

    with site.opened():
        text = exporting.export()
    if file is None:
        output.write(text.rstrip("\n"))
    else:
        exporting.write(file, text)
        output.tell(f"Written to {file}.")
