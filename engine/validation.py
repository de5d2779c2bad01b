"""What pydantic found wrong with a value, as a sentence for operators; its own texts are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pydantic import ValidationError

_WHOLE = "must be a whole number."
_NUMBER = "must be a number."
_TEXT = "must be text; put it in quotes."
_YES_NO = "must be true or false."
_MAPPING = "must be a mapping of keys to values."
_PATH = "must be a path; put it in quotes."
_UNKNOWN = "is not valid."
_SENTENCES = {
    "missing": "is missing.",
    "extra_forbidden": "unknown key.",
    "unexpected_keyword_argument": "unknown key.",
    "none_required": "must be empty.",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "is too large a number.",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a finite number.",
    "string_type": _TEXT,
    "string_unicode": "must be text in UTF-8.",
    "bool_type": _YES_NO,
    "bool_parsing": _YES_NO,
    "list_type": "must be a list.",
    "tuple_type": "must be a list.",
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "path_type": _PATH,
    "literal_error": "must be one of {expected}.",
    "enum": "must be one of {expected}.",
    "greater_than": "must be more than {gt}.",
    "greater_than_equal": "must be {ge} or more.",
    "less_than": "must be less than {lt}.",
    "less_than_equal": "must be {le} or less.",
    "string_pattern_mismatch": "must match '{pattern}'.",
    "string_too_long": "is too long; it may have {max_length} characters.",
    "too_long": "has too many entries; it may have {max_length}.",
}


def sentence(found: Mapping[str, Any]) -> str:
    """One entry of `ValidationError.errors()`: what a validator of ours said, or what must be different."""
    kind, context = found["type"], found.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        said = str(context["error"])
        return said if said.endswith(".") else f"{said}."
    if kind == "faults":  # of a check of ours over several fields
        return " ".join(said for _, said in context["faults"])
    if kind == "too_short":
        least = context["min_length"]
        return f"needs at least {least} {'entry' if least == 1 else 'entries'}."
    if kind == "string_too_short":
        least = context["min_length"]
        return "must not be empty." if least == 1 else f"needs at least {least} characters."
    return _SENTENCES.get(kind, _UNKNOWN).format(**context)


def sentences(error: ValueError) -> str:
    """What `engine.checked` refused, in one line."""
    return " ".join(sentence(fault) for fault in cast("ValidationError", error).errors())
