"""Notes of a service: kept with an audit row, never over somebody else's words, and read on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from engine.actions.notes import LONGEST, set_notes
from engine.audit import current_actor
from engine.errors import Refused
from engine.queries.notes import notes_of
from engine.store.models import Audit
from tests.conftest import Ran, Store
from tests.screens.console_site import fill

ME = current_actor("test")


@pytest.fixture
def service(sqlite_store: Store) -> int:
    """A service of a filled site."""
    fill()
    return 5546


def test_notes_are_kept_and_audited_once(service: int) -> None:
    assert notes_of(service) == ""
    assert "saved" in set_notes(ME, service, " call before a reboot\r\nsecond line \n")
    assert "as they were" in set_notes(ME, service, "call before a reboot\nsecond line")
    assert notes_of(service) == "call before a reboot\nsecond line"
    (row,) = Audit.select()
    assert (row.action, row.kind, row.object_id) == ("notes", "service", str(service))
    assert (row.before["notes"], row.after["notes"]) == ("", notes_of(service))
    assert "empty now" in set_notes(ME, service, "", was="call before a reboot\nsecond line")


def test_somebody_elses_words_are_not_overwritten(service: int) -> None:
    set_notes(ME, service, "theirs")
    with pytest.raises(Refused, match="meanwhile"):
        set_notes(ME, service, "mine", was="")
    with pytest.raises(Refused, match="characters"):
        set_notes(ME, service, "x" * (LONGEST + 1))
    with pytest.raises(Refused, match="no service"):
        set_notes(ME, 1, "x")
    with pytest.raises(Refused, match="no service"):
        notes_of(1)
    assert notes_of(service) == "theirs"


def test_the_command_line_reads_and_writes_them(
    service: int, kvmtui: Callable[..., Ran], sqlite_store: Store
) -> None:
    run = partial(kvmtui, KVMTUI_DB=sqlite_store.url, KVMTUI_SECRET_KEY_FILE=sqlite_store.key_file)
    assert "Nobody wrote" in run("vm", "notes", str(service)).stderr
    assert run("vm", "notes", str(service), "--set", "-", stdin="one\ntwo\n").exit == 0
    assert run("vm", "notes", str(service)).stdout == "one\ntwo\n"
    assert json.loads(run("vm", "notes", str(service), "--json").stdout)["notes"] == "one\ntwo"
    assert run("--read-only", "vm", "notes", str(service), "--set", "x").exit == 2
