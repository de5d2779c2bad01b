"""Settings as plain dataclasses, which pydantic checks only where there is something to check.

Importing pydantic takes a third as long as a bare Textual app takes to start: a start that reads no file does without.

    @dataclass(frozen=True)
    class Links(CheckedSettings):
        port: int = setting(0, "Port of the links.", ge=0, le=65535)
        url: Annotated[str, Check(public_origin, max_length=200)] = setting("", "Base URL that browsers use.")

    checked(Links, {"port": 70_000})    # pydantic's ValidationError, with every fault
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter


class CheckedSettings:
    """A dataclass of settings. Unknown names are faults, and no error quotes a value, which may be a secret."""

    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid", "hide_input_in_errors": True}


T = TypeVar("T")


class Check:
    """In the type of a setting: limits of the value, and a function that returns it or raises ValueError."""

    def __init__(self, function: Callable[[Any], Any] | None = None, **limits: Any) -> None:
        self._function = function
        self._limits = limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        schema = handler(source) | self._limits
        if self._function is None:
            return schema
        return core_schema.no_info_after_validator_function(self._function, schema)


def setting(default: Any, description: str = "", **limits: Any) -> Any:
    """A field: its default or what makes one, what it is for, and limits as pydantic's `Field` takes them."""
    known = {"description": description, **limits} if description else limits
    if callable(default):
        return field(default_factory=default, metadata=known)
    return field(default=default, metadata=known)


def checked(kind: type[T], values: Mapping[str, Any]) -> T:
    """The settings with these values; pydantic's ValidationError names every fault."""
    found: T = adapter(kind).validate_python(values)  # type: ignore[arg-type] # mypy: a type is hashable
    return found


@cache
def adapter(kind: type) -> TypeAdapter[Any]:
    """What checks a class of settings, and writes its JSON Schema."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
