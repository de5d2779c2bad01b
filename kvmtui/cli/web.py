"""`kvmtui web`: the console in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.errors import Refused
from kvmtui import config
from kvmtui.terminal import output

app = typer.Typer(help="Serve the console to browsers.")


@app.command()
def web(
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS:PORT", help="Where to listen; on loopback only, except behind a proxy."
        ),
    ] = "",
    behind_proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="Ask everyone to sign in with a token; needs --public-url."),
    ] = False,
    public_url: Annotated[
        str, typer.Option(metavar="URL", help="Address that browsers reach the proxy at.")
    ] = "",
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Address or network of a proxy whose X-Forwarded-For is believed; may be given several times.",
        ),
    ] = None,
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
    """Serve the same console to browsers, until Ctrl+C. Options override [web] in config.toml.

    On loopback it prints an address with a key; whoever opens it uses the console as you. With --behind-proxy
    everyone signs in with a token of `kvmtui token create`, and has its role; tokens that are limited to clients or
    products are refused. Each browser tab has a console of its own. It needs the extra `web`; in the checkout:
    pip install '.[web]'

    \b
    kvmtui web
    kvmtui web --listen 127.0.0.1:9000 --read-only
    kvmtui web --behind-proxy --public-url https://ops.example.com --proxy 127.0.0.1
    """
    try:
        from kvmtui.web import server
    except ImportError as error:
        raise Refused(
            "The web console needs the extra `web`; run in the checkout: pip install '.[web]'"
        ) from error
    wanted = {"--read-only": read_only, "--low-bandwidth": low_bandwidth, "--demo": demo}
    options = [name for name, on in wanted.items() if on]
    site = config.load()
    settings = site.web.overridden(
        listen=listen, public_url=public_url, behind_proxy=behind_proxy, proxies=proxy or []
    )
    if not settings.behind_proxy:
        output.message(
            "Whoever opens this address uses the console as you. It is valid until this command ends (Ctrl+C):"
        )
        return server.run(settings, consoles, options, site.site_name, output.write)
    if demo:
        raise Refused(
            "--demo cannot be combined with --behind-proxy: its sites have no tokens. Leave out one."
        )
    output.message(
        "Everyone who opens this address signs in with a token of the API. Ctrl+C ends the server."
    )
    config.open_site(site)
    try:
        return server.run(settings, consoles, options, site.site_name, output.write)
    finally:
        config.close_site()
