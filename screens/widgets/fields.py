"""The fields of a form, read from the pydantic model that validates the answers.

A field's title and help come from the model (`FormField(title=…, description=…)`), its kind from its type, its
range from its bounds. A field that only some providers have is asked only while that provider is chosen:

    fields_of(Cloudflare, Hestia, PowerDns, by="type")
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from engine.validation import sentence

KEEP = "__KEEP__"
"""The answer for a secret that stays as it is."""

Kind = Literal["text", "int", "bool", "choice", "secret", "words", "lines"]


@dataclass(frozen=True, slots=True)
class FormField:
    """One question of a form."""

    name: str
    title: str
    kind: Kind = "text"
    help: str = ""
    default: object = None
    required: bool = False
    choices: tuple[str, ...] = ()
    when: tuple[str, frozenset[str]] | None = None
    """Asked only while the named field has one of these values."""
    section: str = ""
    """Its heading; fields of one section follow each other."""
    bounds: str = ""
    """The range of a number, such as `1–300`."""

    def asked(self, values: Mapping[str, object]) -> bool:
        """True when the other answers make this a question."""
        return self.when is None or str(values.get(self.when[0])) in self.when[1]

    @property
    def about(self) -> str:
        """What the field is for, its range, and what it is when nobody answers, in one line."""
        facts = [self.bounds] if self.bounds else []
        if self.kind in ("int", "text") and self.default not in (None, "", 0) and not self.required:
            facts.append(f"default {self.default}")
        return " ".join(part for part in (self.help, f"({', '.join(facts)})" if facts else "") if part)


def fields_of(*models: type[BaseModel], by: str = "") -> tuple[FormField, ...]:
    """The fields of one model, or of several that share a field telling them apart (`by`)."""
    if len(models) == 1:
        return tuple(field_of(name, info) for name, info in models[0].model_fields.items())
    variants = {
        value: tuple(field_of(name, info) for name, info in model.model_fields.items())
        for model in models
        for value in _values(model, by)
    }
    return merged(by, variants)


def merged(by: str, variants: Mapping[str, Sequence[FormField]]) -> tuple[FormField, ...]:
    """The fields of several forms as one: what not all of them have is asked while its form is chosen."""
    found: dict[str, FormField] = {}
    owners: dict[str, set[str]] = {}
    for value, fields in variants.items():
        for field in fields:
            found.setdefault(field.name, field)
            owners.setdefault(field.name, set()).add(value)
    found[by] = replace(found[by], kind="choice", choices=tuple(variants))
    return tuple(
        field if owners[name] == set(variants) else replace(field, when=(by, frozenset(owners[name])))
        for name, field in found.items()
    )


def complaints(
    models: Sequence[type[BaseModel]], values: Mapping[str, object], by: str = ""
) -> dict[str, str]:
    """What is wrong with the answers: a sentence per field, under "" what concerns no single one."""
    model = next((each for each in models if not by or str(values.get(by)) in _values(each, by)), models[0])
    try:
        model.model_validate(dict(values))
    except ValidationError as error:
        found: dict[str, str] = {}
        for each in error.errors():
            name = str(each["loc"][0]) if each["loc"] else ""
            found.setdefault(name, _sentence(each))
        return found
    return {}


def value_of(field: FormField, raw: object, known_secret: bool = False) -> object:
    """The answer as the model expects it, from the text of the form."""
    if field.kind == "bool":
        return bool(raw) or (None if field.default is None and not field.required else False)
    words = str(raw if raw is not None else "").strip()
    if field.kind == "secret":
        return str(raw) if raw else (KEEP if known_secret else None if not field.required else "")
    if field.kind == "lines":
        parts = [part.strip() for part in words.splitlines() if part.strip()]
        return "\n".join(parts) if isinstance(field.default, str) else parts
    if field.kind == "words":
        return [part for part in words.replace(",", " ").split() if part]
    if not words and not field.required:
        return field.default if field.kind == "int" or field.default is None else ""
    if field.kind == "int" and words.lstrip("-").isdigit() and words.isascii():
        return int(words)
    return words


def field_of(name: str, info: FieldInfo) -> FormField:
    """The question a model's field makes."""
    kind, choices = _kind(info.annotation)
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return FormField(
        name,
        info.title or name.replace("_", " ").capitalize(),
        kind,
        info.description or "",
        default.value if isinstance(default, Enum) else default,
        info.is_required(),
        choices,
        bounds=_range(info) if kind == "int" else "",
    )


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    """The kind of field for a type; an optional type is like the type itself."""
    origin, inner = get_origin(annotation), [each for each in get_args(annotation) if each is not type(None)]
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, types.UnionType):
        return ("text", ()) if str in inner else _kind(inner[0])
    if origin is Literal:
        return ("bool", ()) if inner == [True] else ("choice", tuple(str(each) for each in inner))
    if origin in (list, tuple):
        return "words", ()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "choice", tuple(str(each.value) for each in annotation)
    plain_kinds: dict[Any, Kind] = {bool: "bool", int: "int", SecretStr: "secret"}
    return plain_kinds.get(annotation, "text"), ()


def _range(info: FieldInfo) -> str:
    """The bounds of a number as operators write them."""
    marks = list(_marks(info.metadata, info.annotation))
    low = next((mark.ge for mark in marks if getattr(mark, "ge", None) is not None), None)
    high = next((mark.le for mark in marks if getattr(mark, "le", None) is not None), None)
    if low is not None and high is not None:
        return f"{low}–{high}"
    return f"{low} or more" if low is not None else f"up to {high}" if high is not None else ""


def _marks(metadata: Sequence[Any], annotation: Any) -> Iterator[Any]:
    """What a type says of itself, at the top and inside an optional one."""
    for mark in metadata:
        yield from getattr(mark, "metadata", None) or (mark,)
    for inner in get_args(annotation):
        if get_origin(inner) is Annotated:
            base, *marks = get_args(inner)
            yield from _marks(marks, base)


def _values(model: type[BaseModel], by: str) -> tuple[str, ...]:
    return _kind(model.model_fields[by].annotation)[1] if by else ()


def _sentence(found: Any) -> str:
    """What is wrong with the answer of a field; what a validator of ours says is a sentence already."""
    if found["type"] in ("missing", "string_too_short", "none_required"):
        return "This is needed."
    if found["type"].startswith(("int_", "float_")):
        return "This must be a number."
    words = sentence(found)
    return words if found["type"] == "value_error" else f"This {words}"
