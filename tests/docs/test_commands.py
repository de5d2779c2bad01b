"""Every command the documentation shows runs against the simulated cluster and ends as the page says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kvmtui.reference import verbs
from kvmtui.terminal import exits
from tests.docs import blocks
from tests.docs.blocks import ROOT, Step
from tests.docs.world import World, world

PAGES = [path for path in blocks.pages() if any(True for _ in blocks.steps(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_run(
    page: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = page.read_text(encoding="utf-8")
    todo = list(blocks.steps(text))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    if all(step.only_parsed for step in todo):
        for step in todo:
            _parse(list(step.words), page, step)
        return
    with world(blocks.site_of(text), folder, monkeypatch.setenv) as found:
        for step in todo:
            _do(step, found, page, monkeypatch, capsys)


def _do(step: Step, found: World, page: Path, monkeypatch: Any, capsys: Any) -> None:
    if step.file:
        path = found.folder / step.file
        path.write_text(step.content)
        path.chmod(0o600)
        return
    for name, value in step.environment:
        monkeypatch.setenv(name, os.path.expandvars(value))
    words = found.words(step.words)
    if step.only_parsed:
        _parse(words, page, step)
        return
    status = exits.run(words)
    said = capsys.readouterr()
    where = f"{page.relative_to(ROOT)}:{step.line}: kvmtui {' '.join(words)}"
    assert status == step.status, f"{where}\nended with {status}\n{said.out}{said.err}"
    assert "Traceback" not in said.out + said.err, where


def _parse(words: list[str], page: Path, step: Step) -> None:
    """Every word is known to the command line, down to the options of the last command."""
    from kvmtui import cli

    command: Any = cli.command()
    rest = list(words)
    context = None
    while True:
        context = command.make_context(command.name or "kvmtui", list(rest), parent=context)
        if not getattr(command, "commands", None) and not hasattr(command, "list_commands"):
            return
        left = [*context._protected_args, *context.args]
        if not left:
            return
        _, command, rest = command.resolve_command(context, left)
        assert command is not None, f"{page}:{step.line}"


def test_commands_are_in_blocks_that_are_tested() -> None:
    """A command in a block of another kind, or in an indented one, would never run."""
    found = set()
    for page in blocks.pages():
        text = page.read_text(encoding="utf-8")
        unlabelled = [block.body for block in blocks.blocks(text) if not block.kind]
        if any(_shows_command(line) for body in unlabelled for line in body.splitlines()):
            found.add(page.relative_to(ROOT).as_posix())
        if any(_shows_command(line) for line in blocks.prose(text).splitlines() if line.startswith("    ")):
            found.add(page.relative_to(ROOT).as_posix())
    assert found == set()


def _shows_command(line: str) -> bool:
    return line.strip().startswith(("kvmtui ", "$ kvmtui "))


@pytest.mark.parametrize("page", blocks.pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_in_sentences_exist(page: Path) -> None:
    """Whatever a sentence or a table tells a reader to type has verbs and options that exist."""
    for words in blocks.mentioned(page.read_text(encoding="utf-8")):
        assert _unknown(words) == [], f"{page.relative_to(ROOT)}: kvmtui {' '.join(words)}"


def _unknown(words: list[str]) -> list[str]:
    """The words that are neither verbs nor options, as far as a command that is not complete can tell."""
    from kvmtui import cli

    command: Any = cli.command()
    rest = list(words)
    while rest and hasattr(command, "list_commands") and rest[0] in command.list_commands(None):
        command = command.get_command(None, rest.pop(0))
    known = {"--help", *(name for each in command.params for name in each.opts)}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    verb = [rest[0]] if rest and hasattr(command, "list_commands") and not rest[0].startswith("-") else []
    return [word for word in (*verb, *unknown) if word != "1"]


def test_the_examples_of_the_help_texts_are_complete() -> None:
    """Each parses as it stands: verbs, options and every required argument."""
    count = 0
    for noun in verbs.nouns():
        for verb in noun.verbs:
            for step in blocks.commands("\n".join(verb.examples)):
                _parse(list(step.words), ROOT / "README.md", step)
                count += 1
    assert count > 100


def test_a_wrong_command_fails() -> None:
    """The test above could not fail if parsing accepted anything."""
    page = ROOT / "README.md"
    assert _unknown(["vm", "start", "5546", "--wiat"]) == ["--wiat"]
    assert _unknown(["vm", "strat", "5546"]) == ["strat"]
    for words in (["vm", "strat", "5546"], ["vm", "start", "5546", "--wiat"], ["vms"]):
        with pytest.raises(Exception, match=r"(?i)no such|not found|no command"):
            _parse(words, page, Step(1))
