"""A form of the engine as one flat list of questions: what is nested becomes `owner__field`, and back again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model
from pydantic.fields import FieldInfo

from engine.forms.form import Secret

JOINT = "__"
MANY_LINES = frozenset({"assigned_ips", "ssh_keys"})
"""What one line cannot hold; a console never asks for it, and leaves it as it is."""


@cache
def flat(form: type[BaseModel]) -> type[BaseModel]:
    """A model with every leaf of the form as a field of its own; each is judged as the form judges it."""
    fields: dict[str, Any] = {name: leaf for name, leaf in _leaves(form, "", "") if name not in MANY_LINES}
    made: type[BaseModel] = create_model(
        form.__name__, __config__=ConfigDict(str_strip_whitespace=True), **fields
    )
    return made


def _leaves(form: type[BaseModel], before: str, title: str) -> Iterator[tuple[str, Any]]:
    for name, info in form.model_fields.items():
        inner = info.annotation
        words = f"{title}{info.title or name}"
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _leaves(inner, f"{before}{name}{JOINT}", f"{words}: ")
        elif any(isinstance(mark, Secret) for mark in info.metadata):
            yield (
                f"{before}{name}",
                (SecretStr | None, Field(None, title=words, description=info.description)),
            )
        else:
            yield f"{before}{name}", (info.rebuild_annotation(), _field(info, words))


def _field(info: FieldInfo, title: str) -> Any:
    if info.is_required():
        return Field(title=title, description=info.description)
    if info.default_factory is not None:
        return Field(default_factory=info.default_factory, title=title, description=info.description)
    return Field(info.default, title=title, description=info.description)


def flattened(values: Mapping[str, Any], before: str = "") -> dict[str, object]:
    """Nested values under the names of the flat questions."""
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found.update(flattened(value, f"{before}{name}{JOINT}"))
        else:
            found[before + name] = value
    return found


def nested(values: Mapping[str, object]) -> dict[str, Any]:
    """The answers as the form nests them; what was not answered is left to the form.

    >>> nested({"name": "a", "tls__system": True, "limits__tasks": None})
    {'name': 'a', 'tls': {'system': True}, 'limits': {}}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *owners, last = name.split(JOINT)
        place = found
        for owner in owners:
            place = place.setdefault(owner, {})
        if value is not None:
            place[last] = value
    return found
