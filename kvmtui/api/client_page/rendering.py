"""Pages from templates: everything is escaped, and a name that a template does not get is an error."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from engine.clock import local
from kvmtui.api.client_page.guard import HEADERS
from kvmtui.api.client_page.languages import Words, codes, texts

if TYPE_CHECKING:  # loaded with the first page: most processes that serve the API show none
    from jinja2 import Environment

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}


def size(count: float) -> str:
    """A number of bytes as people read it."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit and count < 100 else f"{count:.0f} {_UNITS[unit]}"


def moment(ms: int | None) -> str:
    """A moment in the time zone of the site."""
    return "–" if ms is None else local(ms).strftime("%Y-%m-%d %H:%M %Z")


@cache
def asset(name: str) -> str:
    """The style or script of the page."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def version() -> str:
    """Changes when the style or script changes, so that browsers may keep them."""
    return hashlib.sha256("".join(map(asset, ASSETS)).encode()).hexdigest()[:12]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("kvmtui.api.client_page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(size=size, moment=moment)
    made.globals.update(
        version=version(),
        languages=[(code, texts(code)["_name"]) for code in codes()],
        nonce=lambda: secrets.token_urlsafe(16),
    )
    return made


def page(template: str, words: Words, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of this template in a language."""
    text = _environment().get_template(f"{template}.html").render(t=words, **values)
    return HTMLResponse(text, status, HEADERS)
