"""What a guest may draw on an operator's terminal, whatever it writes and however that is cut into pieces."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.consoles.filtering import LONGEST_STRING, GuestOutput
from engine.consoles.tail import LONGEST_LINE, Tail
from screens.consoles.serial_terminal import whole_characters

# every shape of sequence there is, so that a random mix of them is nearly always hostile
_SHAPES = (
    b"\x1b", b"\x9b", b"\x9d", b"\x90", b"\xc2\x9b", b"\xc2\x9d", b"\x1b]", b"\x1b]52;c;", b"\x1b]0;", b"\x1bP",
    b"\x1b^", b"\x1b_", b"\x1bX", b"\x1b\\", b"\x07", b"\x18", b"\x1a", b"\x05", b"\x1b[", b"\x1b[?", b"\x1b[>",
    b"c", b"n", b"t", b"i", b"q", b"p", b"h", b"l", b"$", b"5", b"6", b"15", b"21", b"1049", b"2004", b";", b":",
    b"\x1b[c", b"\x1b[>c", b"\x1b[=c", b"\x1bZ", b"\x1b[21t", b"\x1b[5i", b"\x1b[?26n", b"\x1b[6n", b"\x1bc",
    b"text", "čau".encode(), "😀".encode(), b"\r\n", b"\x00", b"\x7f", b"\x0e", b"\x0f",
)  # fmt: skip
_PIECES = st.one_of(st.binary(max_size=6), st.sampled_from(_SHAPES))
_HOSTILE = st.lists(_PIECES, max_size=40).map(b"".join)
_ALLOWED = re.compile(
    r"\x1b(?:"
    r"\[(?:[0-9;:]*[@-MPSTXZ`a-bd-hlmru]|[0-9;:]*s|[56]n|\?[0-9;]+[hl]|!p)"
    r"|[()*+][0AB12]|\#[34568]|[78=>DEHMNO])"
)


def shown(data: bytes) -> str:
    return GuestOutput().feed(data)


@given(_HOSTILE)
@example(b"\x1b]52;c;cm0gLXJm\x07")
@example(b"\x1b\x1b]0;x\x07")
@example(b"\x1b[\x1b]0;x\x07")
@example(b"\x1b[200~")
def test_only_what_draws_comes_through(data: bytes) -> None:
    rest = _ALLOWED.sub("", shown(data))
    left = [char for char in rest if ord(char) < 32 and char not in "\a\b\t\n\v\f\r\x0e\x0f"]
    assert not left, f"{left!r} of {rest!r}"
    assert not re.search("[\x7f-\x9f]", rest)


@given(_HOSTILE, st.lists(st.integers(0, 200), max_size=6))
def test_it_makes_no_difference_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    output, pieces, start = GuestOutput(), [], 0
    for end in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        pieces.append(output.feed(data[start:end]))
        start = end
    assert "".join(pieces) == shown(data)


def test_every_shape_after_every_shape_byte_by_byte() -> None:
    for first, second in itertools.product(_SHAPES, repeat=2):
        data = first + second
        output = GuestOutput()
        assert "".join(output.feed(bytes([byte])) for byte in data) == shown(data), data


@given(_HOSTILE)
def test_a_session_that_was_spoiled_continues(data: bytes) -> None:
    output = GuestOutput()
    output.feed(data)
    assert output.feed(b"\x18" + b"x" * (LONGEST_STRING + 200)).endswith("x")


@pytest.mark.parametrize(
    "data",
    [
        b"\x1b]52;c;cm0gLXJm\x07",  # the clipboard
        b"\x1b]0;title\x07\x1b]2;title\x1b\\",  # the title
        b"\x1b]8;;https://x.example\x1b\\\x1b]8;;\x1b\\",  # a link
        b"\x1b]10;?\x07\x1b]4;1;?\x07",  # colour queries
        b"\x1b]1337;File=:AAAA\x07\x1b]777;notify;a;b\x07\x1b]9;x\x07",
        b"\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\",  # queries for settings and terminfo
        b"\x1b^private\x1b\\\x1b_application\x1b\\\x1bXstart\x1b\\",
        b"\x05\x1bZ\x1b[c\x1b[0c\x1b[>c\x1b[=c",  # who are you?
        b"\x1b[21t\x1b[20t\x1b[14t\x1b[8;1;1t\x1b[3;0;0t",  # the window: its title, size, place
        b"\x1b[5i\x1b[4i",  # printing
        b"\x1b[3J",  # the scrollback
        b"\x1b[?996n\x1b[?26n\x1b[?15n\x1b[$p\x1b[?2026$p",
        b"\x1b[>4;2m\x1b[>q\x1b[>1u\x1b[?u",  # keys bound again
        b"\x1b[?1004h\x1b[?2031h\x1b[?1010h",
        b"\xc2\x9d52;c;AAAA\xc2\x9c\xc2\x9b21t",  # the same in one character
    ],
)  # fmt: skip
def test_what_reaches_out_of_the_screen_is_dropped(data: bytes) -> None:
    left = shown(data + b"end")
    assert "\x1b" not in left and left.endswith("end")


@pytest.mark.parametrize(
    "data",
    [
        b"plain \xc3\xa9 \xf0\x9f\x98\x80 text\r\n\t\b",
        b"\x1b[1;31mred\x1b[0m\x1b[38;2;1;2;3mtrue\x1b[48:5:17m",
        b"\x1b[2J\x1b[H\x1b[10;20H\x1b[K\x1b[1P\x1b[4h\x1b[r",
        b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1000h\x1b[?25h\x1b[?1049l",
        b"\x1b(0lqk\x1b(B\x1b7\x1b8\x1b=\x1b>\x1bM",
        b"\x1b[6n\x1b[5n",
    ],
)
def test_what_draws_is_left_as_it_is(data: bytes) -> None:
    assert shown(data).encode() == data


def test_a_full_reset_leaves_the_scrollback() -> None:
    assert shown(b"\x1bc") == "\x1b[!p\x1b[2J\x1b[H"


def test_of_several_modes_only_the_harmless_are_set() -> None:
    assert shown(b"\x1b[?25;1004;7h") == "\x1b[?25;7h"


def test_it_knows_which_screen_the_guest_left() -> None:
    output = GuestOutput()
    output.feed(b"\x1b[?1049h")
    assert output.other_screen
    output.feed(b"\x1b[?1049l")
    assert not output.other_screen


@given(_HOSTILE)
def test_the_tail_is_plain_text(data: bytes) -> None:
    tail = Tail(5)
    tail.feed(shown(data))
    lines = tail.lines()
    assert len(lines) <= 6
    assert not re.search("[\x00-\x1f\x7f-\x9f]", "".join(lines))


def test_the_tail_keeps_the_last_lines_as_they_ended() -> None:
    tail = Tail(4)
    tail.feed("gone\r\nprogress 1%\rprogress 99%\r\n\x1b[32mfour\x1b[0m\r\n")
    tail.feed(f"mistaek\b\bke\r\n{'x' * 900}\r\n\r\n")
    assert tail.lines() == ["four", "mistake", "x" * LONGEST_LINE]


@given(st.text(max_size=20), st.integers(0, 4))
def test_typed_characters_are_never_cut(text: str, missing: int) -> None:
    data = text.encode("utf-8", "ignore")
    data = data[: max(0, len(data) - missing)]
    cut = whole_characters(data)
    data[:cut].decode()
    assert len(data) - cut < 4
