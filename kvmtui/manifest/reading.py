"""Reads a YAML file that somebody else may have written: bounded, and with the line of every key.

The file is read event by event and its limits hold from the first byte on, so that a hostile file is refused
before it takes time or memory. Scalars follow YAML 1.2: `no` is text, `0777` is 777, and there are no dates.
A key without a value counts as not given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.errors import Refused

MOST_BYTES = 16 * 1024 * 1024
MOST_NODES = 500_000
MOST_ALIASED = 100_000  # nodes that aliases stand for, all together
MOST_ANCHORS = 10_000
DEEPEST = 20
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")


class LocatedMapping(dict[str, Any]):
    """A mapping that knows the line of itself and of each key."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Sequence(list[Any]):
    """A list that knows the line of itself and of each entry."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


class BadFile(Refused):
    """The file is no YAML we take; `line` says where."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


def read(path: Path) -> tuple[Any, list[BadFile]]:
    """The document of a file and the faults that did not end the reading, such as a key given twice."""
    return parse(_bytes(path))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"The manifest {path} cannot be read: {error.strerror}.") from error
    if len(raw) > MOST_BYTES:
        raise Refused(f"The manifest {path} is larger than {MOST_BYTES // 1024 // 1024} MiB; split it.")
    return raw


def parse(raw: bytes) -> tuple[Any, list[BadFile]]:
    """The document in these bytes, or BadFile at the first thing that ends the reading."""
    text = _text(raw)
    _refuse_flood(raw)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(str(part) for part in (error.problem, error.context) if part)
        raise BadFile(mark.line + 1 if mark else 1, f"this is not YAML: {what}.") from None
    except yaml.YAMLError as error:
        raise BadFile(1, f"this is not YAML: {error}.") from None
    return builder.document, builder.faults


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(raw[: error.start].count(b"\n") + 1, "the file is not text in UTF-8.") from None
    bad = _UNPRINTABLE.search(text)
    if bad:
        line = text.count("\n", 0, bad.start()) + 1
        raise BadFile(line, f"a control character (code {ord(bad[0])}) is in the text.")
    return text


_UNPRINTABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _refuse_flood(raw: bytes) -> None:
    """Every node needs a separator of its own, so counting these bounds the work before it begins."""
    separators = sum(raw.count(sign) for sign in (b"\n", b",", b"[", b"{"))
    if separators > MOST_NODES:
        raise BadFile(1, f"the file has more than {MOST_NODES} entries; split it.")


@dataclass(slots=True)
class _Open:
    """A collection being read."""

    value: LocatedMapping | Sequence
    size: int = 1
    key: str | None = None
    key_line: int = 0
    has_key: bool = False
    anchor: str | None = None


class _Builder:
    """Makes values out of the events of the parser."""

    def __init__(self) -> None:
        self.document: Any = None
        self.faults: list[BadFile] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._aliased = 0
        self._nodes = 0
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            self._count(line)
            self._refuse_tag(event, line)
            self._add(_scalar(event), line, 1, event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise BadFile(line, "a second document begins here; a manifest is one document.")

    def _count(self, line: int) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise BadFile(line, f"the file has more than {MOST_NODES} entries; split it.")

    def _refuse_tag(self, event: Any, line: int) -> None:
        if event.tag is not None and event.tag != "!":
            raise BadFile(line, f"the tag {event.tag[:60]} is not taken; a manifest has plain values only.")

    def _open(self, event: Any, line: int) -> None:
        self._count(line)
        self._refuse_tag(event, line)
        if len(self._stack) >= DEEPEST:
            raise BadFile(line, f"values are nested more than {DEEPEST} deep here.")
        kind = LocatedMapping if isinstance(event, yaml.MappingStartEvent) else Sequence
        if event.anchor:
            self._anchors[event.anchor] = None
        self._stack.append(_Open(kind(line), anchor=event.anchor))

    def _close(self) -> None:
        ended = self._stack.pop()
        self._add(ended.value, ended.value.line, ended.size, ended.anchor)

    def _alias(self, name: Any, line: int) -> None:
        if name not in self._anchors:
            raise BadFile(line, f"the alias *{name[:60]} has no anchor before it.")
        aimed = self._anchors[name]
        if aimed is None:
            raise BadFile(line, f"the alias *{name[:60]} stands inside of what it names.")
        value, size = aimed
        self._aliased += size
        if self._aliased > MOST_ALIASED:
            raise BadFile(line, f"the aliases stand for more than {MOST_ALIASED} entries.")
        self._add(value, line, size, None)

    def _add(self, value: Any, line: int, size: int, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = (value, size)
            if len(self._anchors) > MOST_ANCHORS:
                raise BadFile(line, f"the file has more than {MOST_ANCHORS} anchors.")
        if not self._stack:
            self.document = value
            return
        into = self._stack[-1]
        into.size += size
        if isinstance(into.value, Sequence):
            into.value.append(value)
            into.value.lines.append(line)
        elif not into.has_key:
            into.key, into.key_line, into.has_key = self._key(value, line), line, True
        else:
            self._pair(into, value)
            into.has_key = False

    def _key(self, value: Any, line: int) -> str:
        if isinstance(value, (dict, list)):
            raise BadFile(line, "a key must be plain text, not a list or a mapping.")
        return value if isinstance(value, str) else str(value)

    def _pair(self, into: _Open, value: Any) -> None:
        mapping, key = into.value, into.key
        assert isinstance(mapping, LocatedMapping) and key is not None
        if key == "<<":
            self._merge(mapping, value, into.key_line)
        elif key in mapping.lines:
            first = mapping.lines[key]
            self.faults.append(
                BadFile(into.key_line, f"the key '{key}' is given twice, first on line {first}.")
            )
        else:
            mapping.lines[key] = into.key_line
            if value is not None:
                mapping[key] = value

    def _merge(self, mapping: LocatedMapping, value: Any, line: int) -> None:
        """`<<: *defaults` fills in what the mapping does not say itself."""
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, LocatedMapping):
                raise BadFile(line, "what is merged by << must be a mapping.")
            for key, inner in source.items():
                mapping.setdefault(key, inner)


def _scalar(event: Any) -> Any:
    return meaning(event.value) if event.implicit[0] else event.value


def meaning(text: str) -> Any:
    """What a plain scalar means by the rules of YAML 1.2; quoted it would be text."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def line_of(document: Any, path: tuple[str | int, ...]) -> int:
    """The line of a path, or of the nearest thing above it that is in the file."""
    line = getattr(document, "line", 1)
    for part in path:
        inner: Any
        if isinstance(document, LocatedMapping) and isinstance(part, str) and part in document.lines:
            inner, line = document.get(part), document.lines[part]
        elif isinstance(document, Sequence) and isinstance(part, int) and part < len(document):
            inner, line = document[part], document.lines[part]
        else:
            break
        document = inner
    return int(line)
