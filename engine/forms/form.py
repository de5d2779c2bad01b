"""What every form shares: unknown keys are errors, secrets do not show, faults name their field."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

KEEP = "__KEEP__"  # as a secret: the one that is stored


class Form(BaseModel):
    """The base of all forms."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True, allow_inf_nan=False
    )


class Secret:
    """Marks a field whose value is masked wherever it would show."""


SecretText = Annotated[
    str, Secret(), Field(repr=False, max_length=65_536, json_schema_extra={"writeOnly": True})
]


@cache
def secret_fields(form: type[Form]) -> frozenset[str]:
    """The names of the fields of a form that hold secrets."""
    return frozenset(
        name
        for name, info in form.model_fields.items()
        if any(isinstance(mark, Secret) for mark in info.metadata)
    )


def at(field: str, sentence: str) -> PydanticCustomError:
    """A fault of one field, found by a check that looks at the whole form."""
    return many([(field, sentence)])


def many(faults: list[tuple[str, str]]) -> PydanticCustomError:
    """Several faults (field, sentence) found by one check; an empty field means the form itself."""
    return PydanticCustomError("faults", "there are faults", {"faults": faults})


def plain(form: Form) -> dict[str, Any]:
    """The form as plain values, as the database and the manifest hold them."""
    return form.model_dump(mode="json")
