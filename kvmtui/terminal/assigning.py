"""`KEY=VALUE` from a command line, laid over the values of a form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer

from engine.errors import Refused

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set any field of the manifest, e.g. network.ipv6=1."),
]


def pairs(given: Iterable[str] | None) -> dict[str, str]:
    """The keys and values of `KEY=VALUE` texts; refused when one has no `=` or a key comes twice."""
    found: dict[str, str] = {}
    for text in given or ():
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise Refused(f"'{text}' is not KEY=VALUE.")
        if key.strip() in found:
            raise Refused(f"{key.strip()} is given twice.")
        found[key.strip()] = value.strip()
    return found


def assigned(values: Mapping[str, Any], given: Iterable[str] | None, **options: Any) -> dict[str, Any]:
    """The values with `--set` texts over them, and over these the options that were given (are not None)."""
    made = {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}
    for key, value in pairs(given).items():
        _assign(made, key.split("."), value, key)
    made |= {name: value for name, value in options.items() if value is not None}
    return made


def _assign(values: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise Refused(f"{key}: unknown key.")
        values = inner
    old = values.get(path[-1])
    values[path[-1]] = (
        [each.strip() for each in value.split(",") if each.strip()] if isinstance(old, list) else value
    )


def say(outcome: Any) -> None:
    """What became of an object, in one line, and one more for each warning."""
    from kvmtui.terminal import output

    done = {"create": "was added", "change": "was changed", "same": "is so already; nothing was changed"}
    output.tell(output.safe(f"The {outcome.kind} {outcome.name} {done[outcome.verb]}."))
    for warning in outcome.warnings:
        output.tell(output.safe(f"Warning: {warning}"))
