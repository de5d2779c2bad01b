"""`kvmtui web`: the console in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Serve the console to a browser on this host.")


@app.command()
def web(
    listen: Annotated[
        str, typer.Option(metavar="ADDRESS:PORT", help="Where to listen; loopback only.")
    ] = "127.0.0.1:8461",
    public_url: Annotated[
        str, typer.Option(metavar="URL", help="Address of a proxy with TLS and a login in front of it.")
    ] = "",
    consoles: Annotated[int, typer.Option(min=1, max=100, help="Consoles that may be open at once.")] = 8,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse every change in these consoles.")
    ] = False,
    low_bandwidth: Annotated[
        bool, typer.Option("--low-bandwidth", help="Optimise the consoles for slow links.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve consoles on simulated sites; nothing is kept.")
    ] = False,
) -> int:
    """Serve the same console to a browser, until Ctrl+C.

    It prints an address with a key. Whoever opens it uses the console as you; without the key nobody gets in.
    Each browser tab has a console of its own. It needs the extra `web`; in the checkout: pip install '.[web]'

    \b
    kvmtui web
    kvmtui web --listen 127.0.0.1:9000 --read-only
    kvmtui web --public-url https://ops.example.com
    """
    from engine.errors import Refused
    from kvmtui import config
    from kvmtui.terminal import output

    try:
        from kvmtui.web import server
    except ImportError as error:
        raise Refused(
            "The web console needs the extra `web`; run in the checkout: pip install '.[web]'"
        ) from error
    options = [
        name
        for name, on in (
            ("--read-only", read_only),
            ("--low-bandwidth", low_bandwidth),
            ("--demo", demo),
        )
        if on
    ]
    title = config.load().site_name
    output.message(
        "Whoever opens this address uses the console as you. It is valid until this command ends (Ctrl+C):"
    )
    return server.run(listen, public_url, consoles, options, title, output.write)
