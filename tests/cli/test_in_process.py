"""A command line run in this process ends and speaks as in a process of its own, and leaves nothing behind."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytest

from engine import redact
from engine.store.database import database
from kvmtui.terminal import open_site
from tests import program
from tests.manifest.conftest import SITE

SECRET = "a-secret-of-the-environment"
LINES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("apply", "site.yaml"), ""),
    (("pool", "list", "--json"), ""),
    (("pool", "lst"), ""),
    (("server", "delete", "pve-old"), ""),
    (
        ("server", "add", "s2", "--host", "10.0.0.1", "--token-id", "a@pve!bb", "--secret-file", "-"),
        "shh-1\n",
    ),
    (("client", "add", SECRET, "--email", "nonsense"), ""),
    ((), "completion"),
)


def test_both_ways_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("site.yaml").write_text(SITE)
    answers = []
    for run in (program.here, program.process):
        home = tmp_path / run.__name__
        home.mkdir(mode=0o700)
        answers.append([_run(run, home, words, given) for words, given in LINES])
    assert answers[0] == answers[1]
    exits = [each.exit for each in answers[0]]
    assert exits == [0, 0, 2, 2, 0, 2, 0]
    assert all(each.stdout or each.stderr for each in answers[0])


def _run(run: object, home: Path, words: tuple[str, ...], given: str) -> program.Ran:
    assert callable(run)
    more = {"TOKEN": SECRET}
    if given == "completion":
        given, more = "", {"_KVMTUI_COMPLETE": "complete_bash", "COMP_WORDS": "kvmtui ser", "COMP_CWORD": "1"}
    ran = run(home, *words, stdin=given, **more)
    assert isinstance(ran, program.Ran)
    return ran


def test_nothing_is_left_behind(home: Path) -> None:
    before = (dict(os.environ), sys.stdout, sys.stdin, logging.getLogger().level)
    known = "a-secret-of-this-test"
    redact.register(known)
    ran = program.here(
        home, "--read-only", "client", "add", known, "--email", "nonsense", KVMTUI_LOG_LEVEL="DEBUG"
    )
    assert ran.exit == 2
    assert program.here(home, "client", "add", known, "--email", "a@example.org").stderr.count(known) == 1
    assert (dict(os.environ), sys.stdout, sys.stdin, logging.getLogger().level) == before
    assert redact.redact(known) == redact.MASK
    assert database.obj is None and not open_site._read_only
