"""Where a secret comes from: written out, `env:NAME`, `file:PATH`, or `__KEEP__` for the one that is stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from engine import redact
from engine.errors import Refused
from engine.forms.faults import BadInput, Fault
from engine.forms.form import KEEP, Form, secret_fields
from engine.store.files import refuse_wider

_LONGEST = 65_536
F = TypeVar("F", bound=Form)


def resolved(form: F, folder: Path) -> F:
    """The form with every `env:` and `file:` read; relative files lie in `folder`.

    Whatever cannot be read is BadInput, with every fault.
    """
    hidden = secret_fields(type(form))
    if not hidden:
        return form
    values: dict[str, str] = {}
    faults: list[Fault] = []
    for field in sorted(hidden):
        try:
            values[field] = read_secret(getattr(form, field), folder)
        except ValueError as wrong:
            faults.append(Fault((field,), str(wrong)))
    if faults:
        raise BadInput(faults)
    return form.model_copy(update=values)


def read_secret(text: str, folder: Path) -> str:
    """The secret this text stands for, known to the redaction from now on; ValueError with a sentence."""
    if text == KEEP or not text:
        return text
    source, colon, place = text.partition(":")
    if colon and source == "env":
        value = _from_environment(place)
    elif colon and source == "file":
        value = _from_file(folder / place)
    else:
        value = text
    redact.register(value)
    return value


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ValueError(
            f"the variable {name} of the environment is {'not set' if value is None else 'empty'}."
        )
    return value


def _from_file(path: Path) -> str:
    try:
        refuse_wider(path, "secret file")
        with path.open(encoding="utf-8") as stream:
            text = stream.read(_LONGEST + 1).rstrip("\r\n")
    except Refused as wider:
        raise ValueError(wider.sentence) from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text.") from None
    if not text or len(text) > _LONGEST:
        raise ValueError(f"{path} is {'longer than a secret may be' if text else 'empty'}.")
    return text
