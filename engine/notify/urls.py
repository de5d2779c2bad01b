"""The URL of a target: read where config.toml says it is, and never shown. Most Apprise URLs hold a password."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import unquote

from engine import redact
from engine.errors import Refused
from engine.redact import MASK

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}")
_PARTS = re.compile(r"[/:@?&=,;#]")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_SHORTEST = 6
"""Shorter parts of a URL are words such as `to` or `smtp`; a password is masked whatever its length."""


def source_of(text: str) -> str:
    """Where a URL comes from, safe to show: `env:NAME`, `file:PATH`, or its scheme alone."""
    source, colon, _ = text.partition(":")
    if colon and source in ("env", "file") and not text.startswith(f"{source}://"):
        return text
    return f"{source}://{MASK}"


def check(text: str) -> str:
    """The text of a URL in config.toml; ValueError, which never quotes it, when it is none."""
    source, colon, rest = text.partition(":")
    if colon and source in ("env", "file") and rest and not rest.startswith("//"):
        return text
    if not _SCHEME.fullmatch(source) or not rest.startswith("//") or not rest.strip("/"):
        raise ValueError(
            "this is not an Apprise URL; write one like ntfys://ntfy.sh/topic, or env:NAME or file:PATH"
        )
    return text


def read(text: str, folder: Path) -> str:
    """The URL itself, its secrets known to the redaction from now on; Refused when it cannot be read."""
    from engine.forms.secret import read_secret  # loads every form, which no start should wait for

    try:
        url = read_secret(text, folder).strip()
        check(url)
    except ValueError as error:
        raise Refused(f"The URL cannot be read: {error}") from None
    for part in secret_parts(url):
        if any(each.isdigit() for each in part) or part in _user_info(url):
            redact.register(part)
    return url


def masked(text: str, url: str) -> str:
    """A text of another program with every part of the URL that may be secret masked."""
    for part in sorted(secret_parts(url), key=len, reverse=True):
        text = text.replace(part, MASK)
    return redact.redact(text)


def secret_parts(url: str) -> set[str]:
    """The parts of a URL that may be secret, as they are written and decoded: all but its scheme and host name."""
    host, path = _after_user_info(url)
    found = {each for each in _PARTS.split(f"{host}?{path}") if len(each) >= _SHORTEST}
    found = {each for each in found if not _names_a_host(each)}
    return {each for part in (found | _user_info(url)) for each in (part, unquote(part)) if each}


def _after_user_info(url: str) -> tuple[str, str]:
    """Host with port, and what follows it."""
    rest = url.partition("://")[2]
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    return authority.rpartition("@")[2], rest[len(authority) :]


def _user_info(url: str) -> set[str]:
    """User and password of a URL, the password whatever its length."""
    user_info = _END_OF_AUTHORITY.split(url.partition("://")[2], maxsplit=1)[0].rpartition("@")[0]
    user, _, password = user_info.partition(":")
    found = {each for each in (password,) if each} | {each for each in (user,) if len(each) >= _SHORTEST}
    return found | {unquote(each) for each in found}


def _names_a_host(part: str) -> bool:
    """Whether a part is a host name or address, which a message about a connection has to name."""
    try:
        return bool(ip_address(part))
    except ValueError:
        return re.fullmatch(r"localhost|([a-z0-9-]+\.)+[a-z]{2,}", part) is not None
