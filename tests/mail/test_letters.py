"""What a mail says: in every language, with hostile facts, and with an operator's own templates."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.mail.facts import TEMPLATES, sample_facts
from engine.mail.languages import SHIPPED, catalogue, languages, shipped
from engine.mail.rendering import write_letter

CODES = sorted(path.stem for path in SHIPPED.glob("*.toml"))
PLACES = re.compile(r"\{[^}]*\}")
HOSTILE = "Eve\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script> {{ 7*7 }} {password}\u202e"


def test_there_is_a_catalogue_for_each_of_the_25_languages() -> None:
    assert len(CODES) == 25
    named = "ar az ca cs da de en es et fa fr he hr hu it mk nb nl pl ro ru sv tr uk zh"
    assert " ".join(CODES) == named


@pytest.mark.parametrize("code", CODES)
def test_every_catalogue_has_every_text_with_the_same_places(code: str) -> None:
    english, texts = shipped("en"), shipped(code)
    assert texts.keys() == english.keys()
    for key, text in texts.items():
        assert sorted(PLACES.findall(text)) == sorted(PLACES.findall(english[key])), key
        assert text == text.strip() and text, key
        assert code == "en" or not key.endswith((".text", ".after", ".subject")) or text != english[key], key


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_can_be_written_in_every_language(template: str, code: str) -> None:
    letter = write_letter(template, code, sample_facts())
    assert letter.notes == () and letter.language == code
    assert not PLACES.search(letter.subject + letter.text)
    direction = "rtl" if code in ("ar", "fa", "he") else "ltr"
    assert f'<html lang="{code}" dir="{direction}">' in letter.html
    for fact in ("VPS-2",) if template in ("welcome", "changed") else ("vm-5546.example.com",):
        assert fact in letter.text and fact in letter.html
    assert ("********" in letter.text) is (template in ("ready", "password"))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("no", "nb"),
        ("zh-Hans", "zh"),
        ("pt-BR", "en"),
        ("", "en"),
    ],
)
def test_a_language_finds_its_nearest_catalogue(wanted: str, found: str) -> None:
    used, notes = catalogue(wanted)
    assert used.language == found
    assert bool(notes) is (found == "en")


def test_a_language_that_is_a_path_is_no_language() -> None:
    assert catalogue("../../etc/passwd")[0].language == "en"


class Tags(HTMLParser):
    """Collects the names of the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)


def test_hostile_facts_stay_on_their_line_and_are_no_markup() -> None:
    facts = {**sample_facts(), "client": HOSTILE, "domain": HOSTILE, "ips": [HOSTILE], "password": "p&<w>"}
    letter = write_letter("ready", "en", facts)
    plain = write_letter("ready", "en", {**facts, "client": "Eve", "domain": "x", "ips": ["y"]})
    assert letter.subject.isprintable() and "\n" not in letter.subject
    assert letter.text.count("\n") == plain.text.count("\n")
    assert "49" not in letter.text and "{password}" in letter.text  # nothing in a fact is filled in again
    assert "\u202e" not in letter.text + letter.html + letter.subject
    assert "Password: p&<w>" in letter.text and "p&amp;&lt;w&gt;" in letter.html
    tags, usual = Tags(), Tags()
    tags.feed(letter.html)
    usual.feed(plain.html)
    assert tags.found == usual.found and "script" not in tags.found


def test_an_operators_template_and_texts_go_before_ours(own_folder: Path) -> None:
    (own_folder / "ready.txt").write_text("{{ t('ready.text') }}\n{{ t('own.phone') }} {{ username }}\n")
    (own_folder / "ready.de.txt").write_text("Servus {{ client }}\n")
    (own_folder / "languages" / "en.toml").write_text(
        '[ready]\nsubject = "Up: {name}"\n[own]\nphone = "+48 1"\n'
    )
    english, german = (write_letter("ready", code, sample_facts()) for code in ("en", "de"))
    assert english.subject == "Up: vm-5546" and english.text.endswith("+48 1 admin\n")
    assert german.text == "Servus Acme\n" and german.subject.startswith("Ihr Server")
    assert english.notes == german.notes == ()
    assert "<table" in english.html  # the part that was not replaced


def test_a_language_may_be_added_by_a_file_alone(own_folder: Path) -> None:
    (own_folder / "languages" / "pt.toml").write_text(
        'language = "Português"\n[ready]\nsubject = "O servidor {machine} está pronto"\n'
    )
    letter = write_letter("ready", "pt-BR", sample_facts())
    assert letter.subject == "O servidor vm-5546.example.com está pronto" and letter.language == "pt"
    assert "Hello Acme" in letter.text  # what it leaves out is English
    assert [one.name for one in languages(own_only=True)] == ["Português"]


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% if %}", "line 1 of ready.txt"),
        ("{{ nothing_of_that_name }}", "nothing_of_that_name"),
        ("{{ t('ready.nothing') }}", "no catalogue has"),
        ("{{ ''.__class__.__mro__ }}", "is broken"),
        ("{% for i in range(100000) %}xxxxxxxxxx{% endfor %}", "characters"),
        ("{% include 'nowhere.txt' %}", "nowhere.txt"),
        ("{% include '../../secret.key' %}", "secret.key"),
        ("{{ 1 / 0 }}", "ZeroDivisionError"),
    ],
)
def test_a_broken_template_of_the_operator_is_reported_and_ours_goes_out(
    own_folder: Path, template: str, said: str
) -> None:
    (own_folder.parent / "secret.key").write_text("the key")
    (own_folder / "ready.txt").write_text(template)
    letter = write_letter("ready", "en", sample_facts())
    assert "Hello Acme" in letter.text and "the key" not in letter.text
    (note,) = letter.notes
    assert said in note and "the shipped one goes out instead" in note


def test_broken_texts_of_the_operator_are_reported_and_ours_go_out(own_folder: Path) -> None:
    file = own_folder / "languages" / "de.toml"
    for content, said in [
        ("[ready\n", "cannot be used"),
        ("[ready]\nsubject = 7\n", "ready.subject is not a text"),
        ('[ready]\nsubjekt = "x"\n', "no mail has such a text"),
    ]:
        file.write_text(content)
        letter = write_letter("ready", "de", sample_facts())
        assert letter.subject == "Ihr Server vm-5546.example.com ist bereit"
        assert len(letter.notes) == 1 and said in letter.notes[0]
    file.write_bytes(b"\xff\xfe")
    assert "cannot be used" in write_letter("ready", "de", sample_facts()).notes[0]


def test_a_fact_that_an_older_version_did_not_know_is_left_out() -> None:
    facts = {"service_id": 1, "name": "vm-1", "client": "Acme", "product": "VPS"}
    letter = write_letter("changed", "en", facts)
    assert (
        "Package: VPS" in letter.text and "CPU" not in letter.text + letter.html and "MiB" not in letter.html
    )
