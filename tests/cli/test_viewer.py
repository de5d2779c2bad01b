"""An operator whose role is viewer: every verb that reads works, every verb that changes something is refused."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_every_verb import Place, options, place
from tests.cli.verb_cases import CASES

__all__ = ["place"]


def test_a_viewer_reads_everything_and_changes_nothing(place: Place, home: Path) -> None:
    (home / "config.toml").write_text('default_operator = "viewer"\n')
    known, wrong = options(), []
    for name, case in CASES.items():
        for statement in case.before:
            place.sql(statement)
        before = place.contents()
        words = [*name.split(), *case.words.split(), *(["--yes"] if "--yes" in known[name] else [])]
        ran = place.run(*words)
        changes = "--reason" in known[name] or name in ("cron", "db backup")
        if place.contents() != before:
            wrong.append(f"{name}: it changed something")
        if ran.exit == 2 and "needs the role" in ran.stderr and "kvmtui whoami" in ran.stderr:
            if not changes:
                wrong.append(f"{name}: it only reads, and was refused")
        elif ran.exit == 2 and changes and " not found." in ran.stderr:
            continue  # what another verb would have made
        elif ran.exit != case.status or changes:
            wrong.append(f"{name}: ended with {ran.exit}: {ran.stdout}{ran.stderr}")
    assert not wrong, "\n".join(wrong)
