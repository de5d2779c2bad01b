"""The generated pages are those the program would write now, and say all of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kvmtui.reference import events, keys, pages, verbs
from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"


def test_the_generated_pages_are_up_to_date() -> None:
    wanted = pages.pages()
    old = {name for name, text in wanted.items() if _read(DOCS / name) != text}
    assert (old, pages.stale(DOCS, wanted)) == (set(), []), "run `make docs`"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def test_writing_them_removes_what_is_stale(tmp_path: Path) -> None:
    (tmp_path / "man").mkdir()
    (tmp_path / "man" / "kvmtui-gone.1").touch()
    assert "man/kvmtui-gone.1" in pages.write(tmp_path)
    assert pages.write(tmp_path) == []


def test_every_verb_has_a_summary_an_example_and_its_options() -> None:
    found = [verb for noun in verbs.nouns() for verb in noun.verbs]
    assert len(found) > 90
    for verb in found:
        assert verb.summary and verb.examples, verb.name
        assert all(each.help for each in (*verb.arguments, *verb.options)), verb.name
        assert all(
            verb.name.split()[1] in line or line[0] in " \\" for line in verb.examples if "|" not in line
        )


def test_every_kind_of_event_is_explained() -> None:
    assert set(events.kinds()) == set(events.MEANINGS)
    for kind in events.kinds().values():
        assert kind.levels - {"*outcome*"} <= set(events.LEVELS)


def test_every_action_is_on_the_page_of_keys() -> None:
    from screens.common.actions import ACTIONS

    page = keys.page()
    assert [each.id for each in ACTIONS if f"`{each.id}`" not in page] == []


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_the_man_pages_are_clean_roff() -> None:
    for page in sorted((DOCS / "man").glob("*.1")):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", str(page)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), page.name


def test_the_program_never_imports_the_generator() -> None:
    code = (
        "import sys, pkgutil, importlib, kvmtui.__main__, kvmtui.cli, kvmtui.terminal.exits, kvmtui.app\n"
        "for found in pkgutil.walk_packages(kvmtui.cli.__path__, 'kvmtui.cli.'):\n"
        "    importlib.import_module(found.name)\n"
        "assert not [name for name in sys.modules if name.startswith('kvmtui.reference')]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
