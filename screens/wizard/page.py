"""How the words of a step are drawn: wrapped to the width there is, commands so that nothing of them is lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from rich.cells import cell_len
from rich.text import Text

from screens.common.text import clamp, fit, plain
from screens.widgets.toned import Toned

_LEAST_WIDTH = 40
_WIDEST = 20
"""Cells of a column at most, so that a long name does not push the others out."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph in one tone; `hang` indents what does not fit into its first line."""

    words: str = ""
    tone: str = ""
    indent: int = 0
    hang: int = 0


@dataclass(frozen=True, slots=True)
class FlowText:
    """Short pieces, each in its tone, in as many columns as there is room for."""

    pieces: tuple[tuple[str, str], ...]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class TextGrid:
    """Rows of cells under each other; the last column takes what is left."""

    rows: tuple[tuple[tuple[str, ...], str], ...]
    indent: int = 0


Part = Paragraph | FlowText | TextGrid


def good(words: str) -> Paragraph:
    """Something that is well."""
    return Paragraph(f"[+] {words}", "ok", hang=4)


def bad(words: str) -> Paragraph:
    """Something that is not."""
    return Paragraph(f"[-] {words}", "error", hang=4)


def doubtful(words: str) -> Paragraph:
    """Something that works, and should be looked at."""
    return Paragraph(f"[~] {words}", "warn", hang=4)


def commands(lines: Iterable[str]) -> Iterator[Paragraph]:
    """Commands to run on the cluster."""
    for each in lines:
        yield Paragraph(each, "accent", indent=4, hang=4)


class StepPage(Toned):
    """The words of the step that is open."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._parts: tuple[Part, ...] = ()

    def show(self, parts: Iterable[Part]) -> None:
        """Shows other words; the same ones paint nothing."""
        now = tuple(parts)
        if now != self._parts:
            self._parts = now
            self.refresh(layout=True)

    def render(self) -> Text:
        width = max(_LEAST_WIDTH, (self.size.width or self.app.size.width) - 2)
        return Text("\n").join(line for part in self._parts for line in self._drawn(part, width))

    def _drawn(self, part: Part, width: int) -> Iterator[Text]:
        if isinstance(part, Paragraph):
            for line in _wrapped(part, width):
                yield self.toned((line, part.tone))
        elif isinstance(part, FlowText):
            yield from self._flow(part, width)
        else:
            yield from self._grid(part, width)

    def _flow(self, part: FlowText, width: int) -> Iterator[Text]:
        size = max((cell_len(plain(words)) for words, _ in part.pieces), default=0) + 2
        across = max(1, (width - part.indent) // size)
        for start in range(0, len(part.pieces), across):
            row = part.pieces[start : start + across]
            cells = [(fit(words, size), tone) for words, tone in row]
            yield self.toned((" " * part.indent, ""), *cells)

    def _grid(self, part: TextGrid, width: int) -> Iterator[Text]:
        sizes = [
            min(_WIDEST, max(cell_len(plain(cells[at])) for cells, _ in part.rows))
            for at in range(_columns(part.rows) - 1)
        ]
        for cells, tone in part.rows:
            fixed = "  ".join(fit(words, size) for words, size in zip(cells, sizes, strict=False))
            line = " " * part.indent + fixed + "  " + plain(cells[-1])
            yield self.toned((clamp(line, width), tone))


def _columns(rows: Sequence[tuple[tuple[str, ...], str]]) -> int:
    return max((len(cells) for cells, _ in rows), default=1)


def _wrapped(part: Paragraph, width: int) -> list[str]:
    return wrap(
        plain(part.words),
        width,
        initial_indent=" " * part.indent,
        subsequent_indent=" " * (part.indent + part.hang),
        break_on_hyphens=False,
    ) or [""]


class StepLine(Toned):
    """Every step in a row, with `+` when it is done and `~` when it was skipped; the open one in brackets."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._steps: tuple[tuple[str, str, bool], ...] = ()

    def show(self, steps: Iterable[tuple[str, str, bool]]) -> None:
        """Shows each step: its label, its tone, whether it is open."""
        now = tuple(steps)
        if now != self._steps:
            self._steps = now
            self.refresh()

    def render(self) -> Text:
        return self.toned(
            *(
                (f"[{label}]" if here else f" {label} ", "accent" if here else tone)
                for label, tone, here in self._steps
            )
        )


class KeyHints(Toned):
    """What the keys do at this step, in one line that is always in view."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._words = ""

    def show(self, words: str) -> None:
        """Shows other words."""
        if words != self._words:
            self._words = words
            self.refresh()

    def render(self) -> Text:
        return self.toned((f" {self._words}", "muted"))
