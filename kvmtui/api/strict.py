"""JSON bodies, read strictly: what two parsers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any

from engine.forms.faults import BadInput, Fault

DEEPEST = 32
_BYTE_ORDER_MARK = "\ufeff"


def loads(body: bytes) -> Any:
    """The document in a body; BadInput for duplicate names, NUL, lone surrogates, NaN, or more than 32 levels."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError:
        raise _bad("the body is not UTF-8") from None
    except RecursionError:
        raise _bad(f"the body is nested deeper than {DEEPEST} levels") from None
    except json.JSONDecodeError as error:
        if error.doc.startswith(_BYTE_ORDER_MARK):
            raise _bad("the body begins with a byte order mark, which is not JSON") from None
        raise _bad(f"the body is not JSON: {error}") from None
    except ValueError:  # Python converts no longer ones
        raise _bad("the body contains a number with too many digits") from None
    _check(found)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise BadInput([Fault((twice,), "is given twice.")])
    return made


def _constant(name: str) -> Any:
    raise _bad(f"{name} is not JSON")


def _check(found: Any) -> None:
    open_ones: list[tuple[Any, int, tuple[str | int, ...]]] = [(found, 1, ())]
    while open_ones:
        value, depth, path = open_ones.pop()
        if isinstance(value, str):
            refuse_unsafe(value, path)
        elif isinstance(value, dict | list):
            if depth > DEEPEST:
                raise _bad(f"the body is nested deeper than {DEEPEST} levels")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for name, inner in pairs:
                if isinstance(name, str):
                    refuse_unsafe(name, path)
                open_ones.append((inner, depth + 1, (*path, name)))


def refuse_unsafe(text: str, path: tuple[str | int, ...]) -> None:
    """BadInput for text that no database column can hold."""
    if "\x00" in text:
        raise BadInput([Fault(path, "contains a NUL character.")])
    if any("\ud800" <= each <= "\udfff" for each in text):
        raise BadInput([Fault(path, "contains half of a surrogate pair, which is not text.")])


def _bad(sentence: str) -> BadInput:
    return BadInput([Fault((), f"{sentence[:1].upper()}{sentence[1:]}.")])
