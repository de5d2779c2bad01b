"""The sanitiser: no string of a stranger reaches the terminal as anything but visible, harmless cells."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from screens.common import text as safe

# Everything Unicode has, lone surrogates included, with the dangerous corners made likely.
DANGEROUS = (
    *("\x1b]0;x\x07", "\x1b[2J", "\x9b31m", "[/b]", "[@click=app.quit]x[/]", "\u202e", "\u2066", "\u200b"),
    *(
        "\n",
        "\r",
        "\t",
        "\x00",
        "\x7f",
        "\ud800",
        "\u2028",
        "\ufeff",
        "\U000e0041",
        "\u0301",
        "日本",
        "\u3164",
    ),
)
hostile = st.lists(
    st.one_of(st.sampled_from(DANGEROUS), st.text(st.characters(), max_size=8)), max_size=30
).map("".join)


def harmless(line: str) -> bool:
    """No character of the line can move the cursor, reverse the text or be invisible."""
    return all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in line)


@given(hostile)
def test_a_line_holds_nothing_a_terminal_obeys(value: str) -> None:
    line = safe.plain(value)
    assert harmless(line)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1


@given(hostile, st.integers(0, 60), st.sampled_from(["left", "right"]))
def test_a_fitted_line_takes_exactly_its_cells(value: str, width: int, align: str) -> None:
    line = safe.fit(value, width, align)
    assert cell_len(line) == width
    assert harmless(line)


@given(hostile, st.integers(0, 60))
def test_a_clamped_line_never_takes_more(value: str, width: int) -> None:
    line = safe.clamp(value, width)
    assert cell_len(line) <= width
    assert harmless(line)


@given(hostile, st.integers(1, 60))
def test_every_line_of_a_block_is_as_safe_as_a_single_one(value: str, width: int) -> None:
    for line in safe.lines(value, width, most=5):
        assert harmless(line)
        assert cell_len(line) <= width


@given(hostile)
def test_text_is_not_read_as_markup(value: str) -> None:
    assert safe.text(value).plain == safe.plain(value)
    assert not safe.text(value).spans


letters = st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u2800\u3164\uffa0")


@given(st.text(letters, max_size=50))
def test_ordinary_letters_stay_as_they_are(value: str) -> None:
    assert safe.plain(value) == value


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a[/b]", "a[/b]"),
        ("web [prod]", "web [prod]"),
        ("\x1b]52;c;eA==\x07", "␛]52;c;eA==␇"),
        ("one\ntwo", "one␊two"),
        ("a\tb", "a b"),
        ("adm\u200bin", "adm\ufffdin"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("\u0301abc", "◌\u0301abc"),
        ("e\u0301\u0301\u0301\u0301", "e\u0301\u0301"),
        ("\ud83d", "\ufffd"),
        (None, "None"),
        (42, "42"),
    ],
)
def test_known_tricks_are_shown_for_what_they_are(value: object, shown: str) -> None:
    assert safe.plain(value) == shown


def test_ten_kilobytes_are_cut_with_an_ellipsis() -> None:
    assert safe.fit("x" * 10_000, 12) == "x" * 11 + "…"
    assert len(safe.plain("x" * 10_000)) == safe.LONGEST
    assert safe.plain("x" * 10_000).endswith("…")


def test_a_wide_letter_is_not_cut_in_half() -> None:
    assert safe.fit("日本語", 4) == "日 …"
    assert safe.fit("日本", 4) == "日本"
    assert safe.fit("日本", 6, "right") == "  日本"


def test_a_long_block_says_what_it_left_out() -> None:
    assert safe.lines("\n".join("abcdef"), 40, most=2) == ["a", "b", "… 4 more lines"]


@given(st.text(st.sampled_from("ab[]/@#\\$ =\"'A1().:{}-"), max_size=30))
def test_markup_is_read_as_the_words_it_is_made_of(value: str) -> None:
    assert Content.from_markup(safe.unmarked(value)).plain == value
