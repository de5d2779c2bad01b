"""Every language has every text, with every place for a value, and all of them are used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import kvmtui.api.client_page
from engine.mail import languages as mails
from kvmtui.api.client_page.languages import FALLBACK, Words, codes, nearest, texts

FOLDER = Path(kvmtui.api.client_page.__file__).parent
SAME = {"_name", "_direction", "cpu"}
"""Texts that may read as in English in any language."""


def places(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def test_the_languages_are_those_of_the_mails() -> None:
    assert list(codes()) == [each.language for each in mails.languages()] and len(codes()) == 25
    for each in mails.languages():
        assert (texts(each.language)["_name"], texts(each.language)["_direction"]) == (
            each.name,
            each.direction,
        )


@pytest.mark.parametrize("code", codes())
def test_a_language_is_complete(code: str) -> None:
    english, found = texts(FALLBACK), texts(code)
    assert list(found) == list(english)
    for name, text in found.items():
        assert text.strip() == text and text, name
        assert places(text) == places(english[name]), name
        assert "<" not in text and "&" not in text, name
    same = [name for name in found if found[name] == english[name] and name not in SAME]
    assert code == FALLBACK or len(same) < 20, same
    days = [found[day] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]
    assert len(set(days)) == 7
    links = [found[name] for name in ("link_unknown", "link_expired", "link_used", "session_over")]
    assert len(set(links)) == 4


def test_the_texts_are_few_and_all_used() -> None:
    assert len(texts(FALLBACK)) <= 120
    used = "\n".join(
        each.read_text(encoding="utf-8")
        for each in FOLDER.rglob("*")
        if each.suffix in (".html", ".py") and each.is_file()
    )
    spans = {"hour", "day", "week", "month", "year"}
    unused = [
        name for name in texts(FALLBACK) if name not in spans and not re.search(rf"""["']{name}["']""", used)
    ]
    assert unused == []


def test_the_nearest_language_is_found() -> None:
    assert [nearest(each) for each in ("de", "de-AT", "no", "zh-TW", "iw", "xx", "", "../en")] == [
        *("de", "de", "nb", "zh", "he", "en", "en", "en")
    ]
    assert nearest("", "pl") == "pl" and nearest("xx", "fr;q=0.9") == "fr"
    assert Words("ar").direction == "rtl" and Words("en")("in_use", count=1, limit=2) == "In use: 1 of 2"
