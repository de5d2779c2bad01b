"""Shorter colour sequences: every cell keeps its style, and a log line takes fewer bytes."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from screens.shell.sgr import shortened

_TOKEN = re.compile(r"\x1b\[([0-9;]*)([mH])|([^\x1b])")
_COLOURS = ["31", "97", "39", "38;5;9", "38;2;1;2;3", "38;2;4;5;48", "44", "49", "48;5;44", "48;2;31;1;7"]
_STYLES = st.lists(st.sampled_from([*_COLOURS, "1", "4", "7", "2;3"]), max_size=4).map(";".join)
_WHOLE = _STYLES.filter(bool).map(lambda style: f"\x1b[0m\x1b[{style}m")
_PIECES = st.one_of(
    _WHOLE,
    _WHOLE,
    _STYLES.map(lambda style: f"\x1b[{style}m"),
    st.sampled_from(["a", "b ", "\x1b[0m", "\x1b[3;1H"]),
)


def cells(output: str, style: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Each character with the style it is drawn in, as a terminal reads the sequences one code at a time."""
    seen = []
    for codes, end, character in _TOKEN.findall(output):
        if character:
            seen.append((character, style))
        elif end == "m":
            style = after(style, codes.split(";"))
    return [*seen, ("end", style)]


def after(style: dict[str, str], codes: list[str]) -> dict[str, str]:
    style, rest = dict(style), iter(codes)
    for code in rest:
        if code in ("", "0"):
            style = {}
        elif code in ("38", "48"):
            kind = next(rest)
            style[code] = ";".join([kind, *(next(rest) for _ in range(3 if kind == "2" else 1))])
        elif len(code) == 2:
            style["38" if code[0] in "39" else "48"] = code
        else:
            style[code] = "on"
    return {kind: each for kind, each in style.items() if each not in ("39", "49")}


@given(st.lists(_PIECES, max_size=25).map("".join), st.sampled_from(["", "31", "1;44"]))
def test_every_character_keeps_its_style(output: str, before: str) -> None:
    style = after({}, before.split(";"))
    assert cells(shortened(output), style) == cells(output, style)
    assert len(shortened(output)) <= len(output)


def test_a_style_that_differs_in_one_colour_sends_that_colour() -> None:
    muted, plain, ground = "38;2;154;165;177", "38;2;215;220;226", "48;2;20;24;29"
    line = f"\x1b[0m\x1b[{muted};{ground}m1:00\x1b[0m\x1b[{plain};{ground}mvps-1\x1b[0m\x1b[{plain};{ground}m ok\x1b[0m"
    assert shortened(line) == f"\x1b[0m\x1b[{muted};{ground}m1:00\x1b[{plain}mvps-1 ok\x1b[0m"


def test_an_attribute_is_switched_off_by_a_reset() -> None:
    line = "\x1b[0m\x1b[1;31;40mone\x1b[0m\x1b[31;40mtwo\x1b[0m"
    assert shortened(line) == line
