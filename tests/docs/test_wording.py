"""Documentation, `--help`, strings and comments use the words of the field."""

from __future__ import annotations

import pytest

from kvmtui.reference import pages as generated
from kvmtui.reference import verbs
from tests.docs import blocks, wording
from tests.docs.blocks import ROOT

PAGES = [
    *(path.relative_to(ROOT).as_posix() for path in blocks.pages()),
    *(path.relative_to(ROOT).as_posix() for path in wording.integrations()),
    "CHANGELOG.md",
    "benchmarks/README.md",
]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_uses_the_words_of_the_field(name: str) -> None:
    found = wording.findings((ROOT / name).read_text(encoding="utf-8"), name)
    assert [str(each) for each in found] == []


def test_the_help_texts_use_the_words_of_the_field() -> None:
    texts = {
        name: text for name, text in generated.pages().items() if name.startswith(("reference/cli", "man/"))
    }
    found = {str(each) for name, text in texts.items() for each in wording.findings(text, name)}
    assert sorted(found) == []


def test_short_help_is_an_imperative_or_a_noun() -> None:
    """A summary starts with a verb: `List VMs.`, not with an article or a pronoun."""
    found = [verb for noun in verbs.nouns() for verb in noun.verbs]
    wrong = [verb.name for verb in found if verb.summary.split()[0] in ("The", "A", "An", "This", "It")]
    assert wrong == []


@pytest.mark.parametrize("package", wording.PACKAGES)
def test_strings_and_comments_use_the_words_of_the_field(package: str) -> None:
    found = [str(each) for each in wording.in_code(package)]
    assert found == [], "run `python -m tests.docs.wording` for the whole list"


def test_the_list_finds_what_it_names() -> None:
    for text in (
        "The key is told to nobody.", "Sealed anew.", "It goes on.", "Take every mark away.", "There is no such key.",
        "Turn the sort order round.", "mend the reason it names", "The console for a bad line.", "Whose it is.",
    ):  # fmt: skip
        assert list(wording.findings(text, "x.md")), text
    for text in ("Encryption at rest", "The live log shows other users of the machine.", "virtual machines"):
        assert not list(wording.findings(text, "docs/architecture.md")), text
