"""The command line as data: every noun and verb with its arguments, options and examples, read from the Typer app."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import typer

from kvmtui import cli

_HELP = "--help"
_REPEATED = "May be repeated."
_METAVARS = {
    **dict.fromkeys(("<str>", "<list[str]>"), "TEXT"),
    **dict.fromkeys(("<int>", "<int range>", "<float range>"), "N"),
    "<path>": "FILE",
}
_BOUND = re.compile(r"; x>=[0-9.]+(?=])| \[x>=[0-9.]+]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or option as it is written, with its help."""

    name: str
    help: str


@dataclass(frozen=True, slots=True)
class Verb:
    """One command that can be run."""

    path: tuple[str, ...]
    summary: str
    text: tuple[str, ...]
    """Paragraphs after the summary; one that starts with a space is shown as it is."""
    examples: tuple[str, ...]
    arguments: tuple[Parameter, ...]
    options: tuple[Parameter, ...]
    exits: tuple[tuple[str, str], ...]
    takes_command: bool = False

    @property
    def name(self) -> str:
        """The whole command, such as `kvmtui vm start`."""
        return " ".join(self.path)

    @property
    def synopsis(self) -> str:
        """The command with the places of its arguments and options."""
        parts = [self.name, *(each.name for each in self.arguments)]
        parts += ["[OPTIONS]"] if self.options else []
        return " ".join([*parts, *(["[COMMAND]"] if self.takes_command else [])])


@dataclass(slots=True)
class Noun:
    """A word after `kvmtui`: a noun with its verbs, or a verb that stands alone."""

    name: str
    summary: str
    verbs: list[Verb] = field(default_factory=list)


def program() -> Verb:
    """`kvmtui` itself, with the options it takes before a command."""
    return _verb(_root(), ("kvmtui",))


def nouns() -> list[Noun]:
    """Every noun in alphabetical order, each with all its verbs."""
    root, found = _root(), []
    for name in sorted(root.list_commands(None)):
        command = root.get_command(None, name)
        verbs = sorted(_walk(command, ("kvmtui", name)), key=lambda verb: verb.path)
        found.append(Noun(name, _paragraphs(command.help)[0] if command.help else verbs[0].summary, verbs))
    return found


def _root() -> Any:
    return cli.command()


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[Verb]:
    if not hasattr(command, "commands"):
        yield _verb(command, path)
        return
    for name in command.list_commands(None):
        yield from _walk(command.get_command(None, name), (*path, name))
    if command.invoke_without_command:
        yield _verb(command, path)


def _verb(command: Any, path: tuple[str, ...]) -> Verb:
    summary, *rest = _paragraphs(command.help or "")
    text = [each for each in rest if "kvmtui" not in each or not each.startswith(" ")]
    examples = [line[1:] for each in rest if each not in text for line in each.splitlines()]
    context = typer.Context(command, info_name=path[-1])
    given = [each for each in command.params if not each.hidden and _HELP not in each.opts]
    options = [each for each in given if each.param_type_name == "option"]
    return Verb(
        path,
        summary,
        tuple(text),
        tuple(examples),
        tuple(_argument(each, context) for each in given if each.param_type_name == "argument"),
        tuple(_option(each, context) for each in options if "completion" not in each.name),
        _exits(" ".join((command.help or "").split()), any("--wait" in each.opts for each in options)),
        bool(getattr(command, "commands", {})) or path == ("kvmtui",),
    )


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of a help text; lines after `\\b` keep their breaks and get a space in front."""
    made = []
    for each in re.split(r"\n\s*\n", text.strip()):
        head, mark, verbatim = each.partition("\b\n")
        if mark:
            made.append("\n".join(f" {line}" for line in verbatim.splitlines()))
        else:
            made.append(" ".join(head.split()))
    return made or [""]


def _argument(given: Any, context: Any) -> Parameter:
    name = (given.metavar or given.name.upper()).replace("…", "").strip("[]")
    many = "…" if given.nargs == -1 else ""
    return Parameter(name + many if given.required else f"[{name}]{many}", given.help or "")


def _option(given: Any, context: Any) -> Parameter:
    name, record = given.get_help_record(context)
    for kind, metavar in _METAVARS.items():
        name = name.replace(kind, metavar)
    help_ = _BOUND.sub("", " ".join(record.split()))
    return Parameter(name, f"{help_} {_REPEATED}" if given.multiple else help_)


_EXITS = {
    "0": "The verb did its work.",
    "1": "It was tried and failed.",
    "2": "It was refused; nothing was changed.",
}
_WAIT_EXITS = {
    "0": "The request is queued; with `--wait`, it is done.",
    "1": "With `--wait`: the request failed, or did not end in time.",
    "2": "The request was refused; nothing was changed.",
}


def _exits(text: str, waits: bool) -> tuple[tuple[str, str], ...]:
    """What each exit status means; a sentence about status 1 in the help text is more exact."""
    said = re.search(r"[Ee]xit(?:s| status)? (?:with )?1(?: when|:| if) ([^.]+)\.", text)
    meanings = dict(_WAIT_EXITS if waits else _EXITS)
    if said:
        meanings["1"] = f"{said[1][:1].upper()}{said[1][1:]}."
    return tuple(meanings.items())
