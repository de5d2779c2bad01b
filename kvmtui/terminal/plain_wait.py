"""`--wait`, `--wait 60` and `--wait=60`: an option whose value may be left out, which the parser does not have.

A number after `--wait` is its value, unless it is the argument that the command still needs: `vm start --wait 5546`
waits for VM 5546. `--wait=60` is never ambiguous.
"""

from __future__ import annotations

import re
from typing import Any

import typer

_OPTION, _WITHOUT_LIMIT = "--wait", "--wait=86400"
_NUMBER = re.compile(r"\d+(\.\d+)?")


def accept(command: Any) -> None:
    """Let a command that has `--wait` take it without a value; others are left unchanged."""
    if not any(_OPTION in each.opts for each in command.params):
        return
    parse = command.parse_args

    def parse_args(context: Any, words: list[str]) -> list[str]:
        return list(parse(context, spelled_out(command, context, words)))

    command.parse_args = parse_args


def spelled_out(command: Any, context: Any, words: list[str]) -> list[str]:
    """The words with every `--wait` as the parser wants it."""
    end = words.index("--") if "--" in words else len(words)
    if _OPTION not in words[:end]:
        return words
    place = words.index(_OPTION)
    before, after = words[:place], words[place + 1 :]
    plain = [*before, _WITHOUT_LIMIT, *after]
    if not after or not _NUMBER.fullmatch(after[0]):
        return plain
    valued = [*before, f"{_OPTION}={after[0]}", *after[1:]]
    if _fits(command, context, plain) and not (
        _fits(command, context, valued) and _names(command, context, before)
    ):
        return plain
    return valued


def _fits(command: Any, context: Any, words: list[str]) -> bool:
    """Whether every required argument is given, and no word is left over."""
    found = _parsed(command, context, words)
    if found is None:
        return False
    given, left = found
    return not left and all(given[each.name] for each in _arguments(command) if each.required)


def _names(command: Any, context: Any, words: list[str]) -> bool:
    """Whether these words hold the first argument."""
    found, arguments = _parsed(command, context, words), _arguments(command)
    return bool(found and arguments and found[0][arguments[0].name])


def _arguments(command: Any) -> list[Any]:
    return [each for each in command.params if each.param_type_name == "argument"]


def _parsed(command: Any, context: Any, words: list[str]) -> tuple[dict[str, Any], list[str]] | None:
    """The arguments as words, empty when missing, and the words left over; None for a bad command line."""
    try:
        given, left, _ = command.make_parser(context).parse_args(args=list(words))
    except typer.TyperException:
        return None
    return {
        each.name: value if isinstance(value := given.get(each.name), str | tuple | list) else ""
        for each in _arguments(command)
    }, left
