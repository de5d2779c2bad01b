"""Notes on the command line: shown, replaced, or a line added to them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import Refused
from kvmtui.terminal import output

Set = Annotated[
    str | None, typer.Option("--set", metavar="TEXT", help="Replace the notes; empty clears them.")
]
Add = Annotated[str | None, typer.Option("--add", metavar="TEXT", help="Add a line.")]
FromFile = Annotated[
    str | None, typer.Option("--file", metavar="FILE", help="Replace the notes with this file; - is stdin.")
]
_LONGEST = 65_536


def wanted(new: str | None, added: str | None, file: str | None) -> Callable[[str], str] | None:
    """What becomes of the notes there are; None when they are only to be shown."""
    given = [each for each in (new, added, file) if each is not None]
    if len(given) > 1:
        raise Refused("--set, --add and --file cannot be combined; choose one.")
    if not given:
        return None
    if added is not None:
        return lambda old: f"{old}\n{added}" if old else added
    text = new if new is not None else _read(str(file))
    return lambda old: text


def show(words: str, as_json: bool) -> None:
    """The notes as a result."""
    if as_json:
        output.show_json({"notes": words})
    elif not words:
        output.message("Nobody wrote any notes yet.")
    for line in words.splitlines() if not as_json else ():
        output.write(output.safe(line))


def _read(file: str) -> str:
    try:
        return sys.stdin.read(_LONGEST) if file == "-" else _text(Path(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Refused(f"The notes cannot be read from {file}: {reason}.") from error


def _text(path: Path) -> str:
    with path.open(encoding="utf-8") as stream:
        return stream.read(_LONGEST)
