"""Questions: a typed name before something is destroyed, and secrets that never appear on a command line."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from engine import redact
from engine.errors import Refused

_LONGEST_SECRET = 65_536


def confirm_name(name: str, what_happens: str, yes: bool) -> None:
    """Continue only when the operator types the name or gave --yes; without a terminal that is refused."""
    if yes:
        return
    if not at_a_terminal():
        raise Refused(
            f"{what_happens} This needs the name typed at a terminal, or --yes. Nothing was changed."
        )
    sys.stderr.write(f"{what_happens}\nType {name} to continue: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != name:
        raise Refused("That is not the name. Nothing was changed.")


def typed_name(name: str, what_happens: str, given: str | None, yes: bool) -> str:
    """The name as the operator gave it: by an option, by --yes, or typed at a terminal; the caller compares it."""
    if given is not None:
        return given
    if yes:
        return name
    if not at_a_terminal():
        raise Refused(
            f"{what_happens} This needs the name typed at a terminal, --confirm NAME or --yes. "
            "Nothing was changed."
        )
    sys.stderr.write(f"{what_happens}\nType {name} to continue: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def name_or_skip(name: str, what_happens: str) -> str:
    """What the operator types for one of many: its name, or nothing to skip it; "" at the end of the input."""
    sys.stderr.write(f"{what_happens}\nType {name} to continue, or press enter to skip: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def secret(what: str, file: str | None, variable: str | None) -> str:
    """A secret from a file (`-` is stdin), from a variable of the environment, or typed unseen."""
    if file is not None and variable is not None:
        raise Refused(f"Give the {what} once: from a file or from the environment.")
    if variable is not None:
        value = _from_environment(what, variable)
    elif file is not None:
        value = _from_file(what, file)
    elif at_a_terminal():
        value = getpass.getpass(f"{what[:1].upper()}{what[1:]}: ")
    else:
        raise Refused(
            f"The {what} is missing: give it with --secret-file FILE (- is stdin) or --secret-env NAME, "
            "or type it at a terminal."
        )
    if not value:
        raise Refused(f"The {what} is empty.")
    redact.register(value)
    return value


def _from_environment(what: str, variable: str) -> str:
    value = os.environ.get(variable)
    if value is None:
        raise Refused(f"The {what} cannot be read: the variable {variable} is not set.")
    return value


def _from_file(what: str, file: str) -> str:
    try:
        text = sys.stdin.read(_LONGEST_SECRET) if file == "-" else _read(Path(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Refused(f"The {what} cannot be read from {file}: {reason}.") from error
    return text.rstrip("\r\n")


def _read(path: Path) -> str:
    with path.open(encoding="utf-8") as stream:
        return stream.read(_LONGEST_SECRET)


def at_a_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
