"""A form of the engine as one flat list of questions: what is nested becomes `owner__field`, and back again.

The engine's own form judges the answers, so that console, command line and manifest say the same sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from engine.forms import BadInput, Fault
from engine.forms.form import Secret
from screens.widgets.fields import FormField, field_of

JOINT = "__"


def questions(form: type[BaseModel], lines: Collection[str] = (), section: str = "") -> tuple[FormField, ...]:
    """Every leaf of a form as a question; `lines` names those that are typed one entry to a line."""
    return tuple(
        replace(each, kind="lines") if each.name in lines else each for each in _leaves(form, "", section)
    )


def _leaves(form: type[BaseModel], before: str, section: str) -> Iterator[FormField]:
    """The leaf fields in order; nested ones are in a section with the title of their owner."""
    for name, info in form.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _leaves(inner, f"{before}{name}{JOINT}", info.title or name)
            continue
        field = replace(field_of(name, info), name=before + name, section=section)
        is_secret = any(isinstance(mark, Secret) for mark in info.metadata)
        yield replace(field, kind="secret", default=None) if is_secret else field


def in_sections(fields: Sequence[FormField], sections: Mapping[str, Sequence[str]]) -> tuple[FormField, ...]:
    """The questions under these headings; a name ending in `__` includes everything below it."""
    found: list[FormField] = []
    for title, names in sections.items():
        for name in names:
            for field in fields:
                if field.name == name or (name.endswith(JOINT) and field.name.startswith(name)):
                    found.append(replace(field, section=title))
    missing = {field.name for field in fields} - {field.name for field in found}
    assert not missing, f"in no section: {missing}"
    return tuple(found)


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
        owner_values = found
        for owner in owners:
            owner_values = owner_values.setdefault(owner, {})
        if value is not None:
            owner_values[last] = value
    return found


def faults(check: Callable[[], object], asked: Collection[str]) -> dict[str, str]:
    """What the engine finds wrong: a sentence per question, under "" what concerns no single one."""
    try:
        check()
    except BadInput as error:
        return located(error, asked)
    return {}


def located(error: BadInput, asked: Collection[str]) -> dict[str, str]:
    """The faults under the names of the questions; the first of each."""
    found: dict[str, str] = {}
    for fault in error.faults:
        found.setdefault(_where(fault, asked), _words(fault))
    return found


def _where(fault: Fault, asked: Collection[str]) -> str:
    """The question a fault is about: its own, or else the first below its owner."""
    name = JOINT.join(part for part in fault.path if isinstance(part, str))
    if name in asked or not name:
        return name
    return next((each for each in asked if each.startswith(name + JOINT)), "")


_CONTINUES = ("is ", "must ", "has ", "needs ", "makes ", "holds ", "names ", "lies ", "cannot ")


def _words(fault: Fault) -> str:
    """An error as a sentence of its own under its field."""
    words = fault.sentence
    if words == "is missing.":
        words = "is needed."
    if words.startswith(_CONTINUES):
        words = f"this {words}"
    number = next((part for part in fault.path if isinstance(part, int)), None)
    words = words[:1].upper() + words[1:]
    return words if number is None else f"Line {number + 1}: {words}"
