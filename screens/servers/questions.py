"""The form of a server: TLS trust and login are each one choice, with the fields it needs.

The engine's form has four ways to trust and two to log in side by side, of which one of each may be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.forms import ServerForm
from screens.framework.form_questions import flattened, in_sections, questions
from screens.widgets.fields import FormField

MANY_LINES = frozenset({"hosts", "assigned_ips"})
TRUST = {
    "system": "what the system trusts",
    "fingerprint": "a pinned fingerprint",
    "ca_file": "a CA file",
    "insecure": "insecure: verify nothing",
}
LOGIN = {"token": "an API token", "user": "user and password"}
_OWNERS = {
    "token_id": ("login", "token"),
    "token_secret": ("login", "token"),
    "user": ("login", "user"),
    "password": ("login", "user"),
    "tls__fingerprint": ("trust", "fingerprint"),
    "tls__ca_file": ("trust", "ca_file"),
}
_SECTIONS = {
    "Cluster": ("name", "hosts", "port", "state"),
    "Login": ("login", "token_id", "token_secret", "user", "password"),
    "Trust": ("trust", "tls__fingerprint", "tls__ca_file"),
    "Limits: how much is asked of it at once": ("limits__",),
    "Addresses outside of pools": ("assigned_ips",),
}


def fields() -> tuple[FormField, ...]:
    """The questions, in sections."""
    ways = (
        FormField("login", "Log in with", "choice", "A token is better.", choices=tuple(LOGIN.values())),
        FormField(
            "trust", "Trust", "choice", "How its certificate is verified.", choices=tuple(TRUST.values())
        ),
    )
    asked = [
        _owned(each)
        for each in questions(ServerForm, MANY_LINES)
        if each.name not in ("tls__system", "tls__insecure")
    ]
    return in_sections([*asked, *ways], _SECTIONS)


def _owned(field: FormField) -> FormField:
    """Fields of one kind of trust or login are shown, and required, only while that kind is chosen."""
    if field.name not in _OWNERS:
        return field
    owner, way = _OWNERS[field.name]
    words = (LOGIN if owner == "login" else TRUST)[way]
    return replace(field, when=(owner, frozenset({words})), required=True)


def asked(values: Mapping[str, Any]) -> dict[str, object]:
    """The values of a server as the questions take them."""
    found = flattened(values)
    way = next((each for each in TRUST if found.pop(f"tls__{each}", None)), "system")
    for each in ("fingerprint", "ca_file"):
        found[f"tls__{each}"] = (values.get("tls") or {}).get(each)
    login = "user" if found.get("user") else "token"
    return {**found, "trust": TRUST[way], "login": LOGIN[login]}


def answered(answers: Mapping[str, object]) -> dict[str, object]:
    """The answers as the engine's form takes them."""
    found = {name: value for name, value in answers.items() if name not in ("trust", "login")}
    for way in ("system", "insecure"):
        if answers.get("trust") == TRUST[way]:
            found[f"tls__{way}"] = True
    return {"tls__system": None, **found}
