"""Every verb keeps the same conventions; what a verb does is observed, and decides which options it must have.

- `--json` prints one document on stdout and nothing else; a request is `{request, service_id, run_id}`.
- Whoever writes an audit row takes `--reason`; whoever queues a request takes `--wait`; whoever asks takes `--yes`.
- A change has a preview, or is in NO_PREVIEW. A preview changes nothing.
- Results are on stdout: a verb that reads prints there; one that changes prints its confirmation on stderr.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvmtui.reference import verbs
from kvmtui.terminal import exits
from tests.cli.verb_cases import (
    CASES,
    EMPTY,
    LAST,
    NO_PREVIEW,
    NOT_RUN,
    Case,
)
from tests.conftest import Ran
from tests.docs.world import World, shop, world

REASON = "ticket 4711"


def options() -> dict[str, set[str]]:
    """The options of every verb."""
    return {
        verb.name.removeprefix("kvmtui "): {
            word.strip(",") for each in verb.options for word in each.name.split()
        }
        for noun in verbs.nouns()
        for verb in noun.verbs
    }


@pytest.fixture
def place(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Place]:
    """A site with VM 5546 and two foreign guests, and the files the cases name."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with world("full", folder, monkeypatch.setenv) as found:
        (folder / "more.sql").write_text((folder / "puq.sql").read_text().replace("203.0.113", "198.51.100"))
        (folder / "shop.sql").write_text(shop((5150, 150, "a"), (5151, 151, "b")))
        for vmid, name, file in ((150, "a", "one.txt"), (151, "b", "two.txt")):
            found.lab.foreign_create(vmid, name=name)
            (folder / file).write_text(f"[x] {5000 + vmid} vmid {vmid} pve-waw1 {name}\n")
        for name, client in (("site.yaml", "A1"), ("more.yaml", "A2")):
            (folder / name).write_text(f"clients:\n  - {{name: {client}, email: a@b.example}}\n")
        yield Place(home / "kvmtui.db", found, capsys)


class Place:
    """Runs verbs in this process and counts what they wrote."""

    def __init__(self, database: Path, found: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._database, self._world, self._capsys = database, found, capsys

    def run(self, *words: str) -> Ran:
        """One command line."""
        status = exits.run(list(words))
        said = self._capsys.readouterr()
        return Ran(status, said.out, said.err)

    def sql(self, query: str) -> list[Any]:
        """One statement on the database of the site."""
        with sqlite3.connect(self._database) as connection:
            return connection.execute(query).fetchall()

    def audited(self, after: int = 0) -> list[str]:
        """The reasons of the audit rows after one."""
        return [reason for (reason,) in self.sql(f"SELECT reason FROM audit WHERE id > {after} ORDER BY id")]

    def contents(self) -> list[Any]:
        """What a verb may have changed: the newest audit row, request and service, and every VM."""
        return [
            *(self.newest(table) for table in ("audit", "request", "service", "api_token", "client")),
            *self.sql("SELECT service_id, vm_status, revision, vlan FROM vm ORDER BY id"),
        ]

    def newest(self, table: str) -> int:
        """The highest number in a table."""
        return int(self.sql(f"SELECT coalesce(max(id), 0) FROM {table}")[0][0])


def test_every_verb_has_a_case_or_a_reason() -> None:
    assert set(options()) == set(CASES) | set(NOT_RUN)
    assert not set(CASES) & set(NOT_RUN)


def test_shared_options_have_one_spelling() -> None:
    known = options()
    assert all("--plan" in each for each in known.values() if "--dry-run" in each)
    assert all("-y" in each for each in known.values() if "--yes" in each)
    assert {"--json", "--reason"} <= known["vm console"]


def test_every_verb_keeps_the_conventions(place: Place) -> None:
    known = options()
    order = sorted(
        CASES,
        key=lambda name: (name.endswith(LAST), name.split()[0] == "server", name.endswith(("edit", "retry"))),
    )
    wrong = [
        f"{name}: {each}" for name in order for each in broken(place, name.split(), CASES[name], known[name])
    ]
    assert not wrong, "\n".join(wrong)


def broken(place: Place, verb: list[str], case: Case, known: set[str]) -> Iterator[str]:
    """The conventions this verb breaks."""
    name = " ".join(verb)
    if "--json" not in known:
        yield "it has no --json"
        return
    for statement in case.before:
        place.sql(statement)
    audit, request = place.newest("audit"), place.newest("request")
    words = [*verb, *case.words.split(), *(["--reason", REASON] if "--reason" in known else [])]
    yield from _preview(place, name, words, known)
    if (place.newest("audit"), place.newest("request")) != (audit, request):
        yield "its preview changed something"
    ran = place.run(*words)
    if ran.exit == 2 and "typed at a terminal" in ran.stderr:
        if "--yes" not in known:
            yield "it asks and has no --yes"
            return
        if place.newest("audit") != audit:
            yield "it changed something before it asked"
        words += ["--yes"]
        ran = place.run(*words)
    if ran.exit != case.status:
        yield f"ended with {ran.exit}: {ran.stdout}{ran.stderr}"
        return
    reasons, queued = place.audited(audit), place.newest("request") > request
    if reasons and set(reasons) != {REASON}:
        yield f"its audit rows have the reasons {reasons}"
    if reasons and "--dry-run" not in known and name not in NO_PREVIEW:
        yield "it changes something and has no --dry-run"
    if queued and "--wait" not in known:
        yield "it queues a request and has no --wait"
    if "--wait" in known and not queued and name != "apply":
        yield "it has --wait, and its case queues nothing"
    if name in NO_PREVIEW and not reasons:
        yield "it is in NO_PREVIEW, and its case changes nothing"
    yield from _outputs(name, case, ran, bool(reasons or queued))
    for statement in case.before:
        place.sql(statement)
    second = [*verb, *(case.again or case.words).split(), *words[len(verb) + len(case.words.split()) :]]
    yield from _document(place, place.run(*second, "--json"), case, queued)


def _preview(place: Place, name: str, words: list[str], known: set[str]) -> Iterator[str]:
    if "--dry-run" not in known:
        return
    if name in NO_PREVIEW:
        yield "it has a preview and a reason for having none"
    for option in ("--dry-run", "--plan"):
        plain, as_json = place.run(*words, option), place.run(*words, option, "--json")
        if plain.exit or as_json.exit or not (plain.stdout or plain.stderr):
            yield f"{option} failed: {plain} {as_json}"
        else:
            json.loads(as_json.stdout)


def _outputs(name: str, case: Case, ran: Ran, changed: bool) -> Iterator[str]:
    shows = case.shows or not changed
    if changed and not ran.stderr and not case.shows:
        yield "it does not say what it did"
    if changed and ran.stdout and not shows:
        yield f"its confirmation is on stdout: {ran.stdout}"
    if not changed and name not in ("db backup", "db migrate") and bool(ran.stdout) == (name in EMPTY):
        yield f"its answer is on the wrong side: {ran}"


def _document(place: Place, ran: Ran, case: Case, queued: bool) -> Iterator[str]:
    if ran.exit != case.status:
        yield f"with --json it ended with {ran.exit}: {ran.stdout}{ran.stderr}"
        return
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        yield f"--json printed {ran.stdout!r}"
        return
    if not queued:
        return
    numbers = {number for (number,) in place.sql("SELECT id FROM request")}
    one = found["requests"][0] if "requests" in found else found
    if not {"request", "service_id", "run_id"} <= set(one) or one["request"] not in numbers:
        yield f"its document has no request: {found}"
