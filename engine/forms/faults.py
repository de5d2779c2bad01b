"""Turns what pydantic finds into sentences for operators, each with the path of the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.errors import Refused
from engine.nearest import nearest
from engine.validation import sentence

Path = tuple[str | int, ...]
F = TypeVar("F", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where, and a sentence."""

    path: Path
    sentence: str

    @property
    def where(self) -> str:
        """The path as operators read it: `services[3].options.cores`."""
        return dotted(self.path)

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.path else self.sentence


class BadInput(Refused):
    """What was entered cannot be taken; it carries every fault."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


def dotted(path: Path) -> str:
    """A path in one word."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def checked(form: type[F], values: Mapping[str, Any]) -> F:
    """The form these values make, or BadInput with every fault."""
    try:
        return form.model_validate(values)
    except ValidationError as error:
        raise BadInput(faults_of(error, form)) from None


def faults_of(error: ValidationError, form: type[BaseModel]) -> list[Fault]:
    """Every fault of a failed validation, in the order of the form."""
    return faults_from(error.errors(include_url=False), form)


def faults_from(errors: Iterable[Any], form: type[BaseModel]) -> list[Fault]:
    """The faults of errors as pydantic lists them, with paths that start in the form."""
    return [fault for found in errors for fault in _faults(found, form)]


def _faults(found: Any, form: type[BaseModel]) -> Iterator[Fault]:
    path = tuple(part for part in found["loc"] if not (isinstance(part, str) and _is_branch(part)))
    if found["type"] == "faults":
        for field, sentence in found["ctx"]["faults"]:
            yield Fault((*path, *field.split(".")) if field else path, sentence)
        return
    yield Fault(path, _sentence(found, path, form))


def _is_branch(part: str) -> bool:
    """pydantic names the branch of a union in its path; operators never wrote that."""
    return part in ("int", "str") or "[" in part


def _sentence(found: Any, path: Path, form: type[BaseModel]) -> str:
    return _unknown_key(path, form) if found["type"] == "extra_forbidden" else sentence(found)


def _unknown_key(path: Path, form: type[BaseModel]) -> str:
    owner: Any = form
    for part in path[:-1]:
        if isinstance(part, str) and owner is not None and part in owner.model_fields:
            owner = _form_in(owner.model_fields[part].annotation)
    known = list(owner.model_fields) if owner is not None else []
    return f"unknown key.{nearest(str(path[-1]), known)}"


def _form_in(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
