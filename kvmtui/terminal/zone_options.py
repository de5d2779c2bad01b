"""The options of `kvmtui zone add` and `edit`: one for each open field that a provider declares."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

Ttl = Annotated[int | None, typer.Option(help="Time to live of the records, in seconds.")]
SecretFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="File with the key, token or password; - is stdin.")
]
SecretEnv = Annotated[str | None, typer.Option(metavar="NAME", help="Environment variable with the secret.")]
F = TypeVar("F", bound=Callable[..., Any])


def with_provider_options(verb: F) -> F:
    """Replace the verb's `**given` by an option for each field, and `{providers}` in its help by their names."""
    from engine.forms import zone_forms

    hints = get_type_hints(verb, include_extras=True)
    own = [
        each.replace(annotation=_named(hints[each.name], ", ".join(zone_forms())))
        for each in inspect.signature(verb).parameters.values()
        if each.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    signature = inspect.Signature([*own, *_options()], return_annotation=None)
    vars(verb)["__signature__"] = signature
    verb.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    return verb


def _named(hint: Any, providers: str) -> Any:
    for mark in getattr(hint, "__metadata__", ()):
        if getattr(mark, "help", None):
            mark.help = mark.help.replace("{providers}", providers)
    return hint


def _options() -> list[inspect.Parameter]:
    from engine.forms import ZoneForm, secret_fields, zone_forms

    helps: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, Any] = {}
    for form in zone_forms().values():
        for name, info in form.model_fields.items():
            if name in (*ZoneForm.model_fields, "type", "tls") or name in secret_fields(form):
                continue
            helps[name].append(f"{form.LABEL}: {info.description}")
            kinds[name] = bool | None if info.annotation is bool else str | None
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kinds[name], typer.Option(help=" ".join(said))],
        )
        for name, said in helps.items()
    ]
