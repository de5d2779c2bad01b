"""What a page of the documentation asks a reader to type, in order, and how a test is to treat it.

Commands are the lines of ```sh and ```console blocks that start with `kvmtui` (in a console block, after `$ `).
Comments that a reader does not see steer the test; they apply to the next block:

    <!-- site: empty -->            for the whole page: a home without a site (default: a site with VM 5546)
    <!-- exit: 1 -->                the commands of the next block end with this status (default 0)
    <!-- parse: a terminal -->      the next block is only parsed, for the reason given
    <!-- file: site.yaml -->        the next block is the content of this file
    <!-- run: kvmtui … -->          a command the reader has run elsewhere
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = (ROOT / "docs" / "reference", ROOT / "docs" / "man")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<body>.*?)^(?P=indent)```", re.M | re.S)
_DIRECTIVE = re.compile(r"<!-- (site|exit|parse|file|run): (.+?) -->")
_PREFIX = re.compile(r"^(?:\$ )?(?:sudo -u kvmtui )?((?:[A-Z_]+=\S+ )*)(kvmtui(?: .*)?)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block with its language and first line."""

    kind: str
    body: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the test does for a page: run or parse a command, or write a file."""

    line: int
    words: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    status: int = 0
    only_parsed: str = ""
    file: str = ""
    content: str = ""


def pages() -> list[Path]:
    """Every page a person wrote."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path for path in found if not any(folder in path.parents for folder in GENERATED)]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for found in _FENCE.finditer(text):
        yield Block(found["kind"], found["body"], text.count("\n", 0, found.start()) + 1)


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", text)


def mentioned(text: str) -> Iterator[list[str]]:
    """The commands in the sentences and tables of a page, with `1` in the places of names in capitals."""
    for found in _INLINE.finditer(prose(text)):
        written = found[1].replace("\\|", "|")
        if not set(written) & set("[]|…<>{}*") and written.split()[1:]:
            words = shlex.split(written)[1:]
            yield ["1" if _PLACE.fullmatch(word) else word.replace("=NAME", "=1") for word in words]


_INLINE = re.compile(r"`(kvmtui [^`]+)`")
_PLACE = re.compile(r"[A-Z]+(-[A-Z]+)*")


def site_of(text: str) -> str:
    """Which site the commands of a page need."""
    return next((found[2] for found in _DIRECTIVE.finditer(text) if found[1] == "site"), "full")


def steps(text: str) -> Iterator[Step]:
    """Everything the test of a page does, in the order of the page."""
    found = [*_DIRECTIVE.finditer(text), *_FENCE.finditer(text)]
    pending: dict[str, str] = {}
    for each in sorted(found, key=lambda match: match.start()):
        line = text.count("\n", 0, each.start()) + 1
        if each.re is _DIRECTIVE:
            if each[1] == "run":
                yield from _commands(each[2], line, {}, prompt=False)
            else:
                pending[each[1]] = each[2]
        elif "file" in pending:
            yield Step(line, file=pending["file"], content=each["body"])
            pending = {}
        else:
            if each["kind"] in ("sh", "console"):
                yield from _commands(each["body"], line + 1, pending, prompt=each["kind"] == "console")
            pending = {}


def commands(body: str) -> Iterator[Step]:
    """The commands in the lines of a text."""
    yield from _commands(body, 1, {}, prompt=False)


def _commands(body: str, line: int, pending: dict[str, str], *, prompt: bool) -> Iterator[Step]:
    """The kvmtui commands of a block; a line that ends with a backslash continues on the next one."""
    lines = body.splitlines()
    number = 0
    while number < len(lines):
        start, text = number, lines[number].strip()
        while text.endswith("\\") and number + 1 < len(lines):
            number += 1
            text = f"{text[:-1].rstrip()} {lines[number].strip()}"
        number += 1
        found = _PREFIX.match(text)
        if not found or (prompt and not text.startswith("$ ")):
            continue
        words = _until_pipe(shlex.split(found[2], comments=True))
        yield Step(
            line + start,
            tuple(words[1:]),
            tuple(tuple(each.split("=", 1)) for each in shlex.split(found[1])),  # type: ignore[misc]
            int(pending.get("exit", 0)),
            pending.get("parse", ""),
        )


def _until_pipe(words: list[str]) -> list[str]:
    ends = [place for place, word in enumerate(words) if word in ("|", ">", "<", "&&")]
    return words[: ends[0]] if ends else words
