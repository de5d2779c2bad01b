"""`kvmtui export`: write the manifest of what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; without it, to stdout.")
    ] = None,
) -> None:
    """Write the manifest of what is there, with __KEEP__ in the place of every stored secret.

    A file is made with mode 0600 and replaced as a whole.

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
