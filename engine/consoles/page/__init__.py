"""The page behind a link, and the headers on everything that is served."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "json": "application/json"}


def page(name: str, key: str) -> str:
    """The page of one screen; it holds the key that gets a seat, which works once."""
    return _file("page.html").replace("{name}", html.escape(name)).replace("{key}", html.escape(key))


def refusal(sentence: str) -> str:
    """A page that only says something."""
    words = html.escape(sentence)
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
    return f'{head}<title>kvmtui</title><p id="said">{words}</p></html>'


def asset(name: str) -> str:
    """The page's own script or style."""
    return _file(name)


def headers(kind: str, sockets: str) -> dict[str, str]:
    """What every answer carries: nothing is kept, framed, guessed, referred to, or loaded from elsewhere."""
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {sockets}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Type": f"{TYPES[kind]}; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Connection": "close",
    }


@cache
def _file(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
